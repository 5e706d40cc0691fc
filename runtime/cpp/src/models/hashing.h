// Hashes of tokens that nobody can predict: a vocabulary chosen to collide would make loading and reading quadratic.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace bert_runtime {

/// A hash of a few bytes or of a number, drawn anew in each process.
[[nodiscard]] std::uint64_t quick_hash(std::string_view bytes);
[[nodiscard]] std::uint64_t quick_hash(std::uint64_t number);

/// Hashes of every part of one word, from one pass over its bytes: a polynomial modulo the prime 2^61 - 1 at a point drawn
/// anew in each process. Two strings of n bytes collide with a probability of at most n / 2^61.
class WordHashes {
 public:
  /// Of bytes [begin, end) of the word.
  [[nodiscard]] std::uint64_t of(std::size_t begin, std::size_t end) const {
    return reduced(prefixes_[end] + kPrime - product(prefixes_[begin], powers_[end - begin]));
  }

  /// Takes the next word; what it allocated for a longer one is kept.
  void read(std::string_view word);

  static std::uint64_t of(std::string_view whole);

 private:
  static constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;

  /// Of a number below twice the prime.
  static std::uint64_t reduced(std::uint64_t number) { return number >= kPrime ? number - kPrime : number; }

  static std::uint64_t product(std::uint64_t a, std::uint64_t b) {
    const auto both = static_cast<unsigned __int128>(a) * b;
    return reduced((static_cast<std::uint64_t>(both) & kPrime) + static_cast<std::uint64_t>(both >> 61));
  }

  static std::uint64_t next(std::uint64_t hash, char byte) {
    return reduced(product(hash, point()) + static_cast<unsigned char>(byte) + 1);
  }

  static std::uint64_t point();

  std::vector<std::uint64_t> prefixes_{0};
  std::vector<std::uint64_t> powers_{1};
};

}  // namespace bert_runtime
