// numpy's random numbers, bit for bit: what makes a seed mean the same in Python and here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace bert_runtime {

/// The generator that `numpy.random.default_rng(numpy.random.SeedSequence(seed).spawn(n)[child])` makes: PCG64, that is
/// PCG XSL RR 128/64 (O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for
/// Random Number Generation"). One per thread.
class Random {
 public:
  /// `seed` is at least 0; without one, the operating system gives 128 bits.
  Random(std::optional<std::int64_t> seed, std::uint32_t child);

  /// The next number in [0, 1), a multiple of 2^-53: numpy's `Generator.random()`.
  [[nodiscard]] double next();

 private:
  __extension__ using Word = unsigned __int128;

  void step();

  Word state_ = 0, increment_ = 0;
};

/// The eight words that `numpy.random.SeedSequence(entropy, spawn_key=(child,)).generate_state(8)` gives, with the
/// entropy in 32-bit words, lowest first: O'Neill's seed_seq_fe (2015, "Developing a seed_seq Alternative").
[[nodiscard]] std::array<std::uint32_t, 8> seed_words(const std::array<std::uint32_t, 4>& entropy, std::uint32_t child);

}  // namespace bert_runtime
