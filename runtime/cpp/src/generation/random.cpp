#include "generation/random.h"

#include <random>

namespace bert_runtime {
namespace {

constexpr std::size_t kPool = 4;

/// Spreads a word's bits, differently each time.
class Hash {
 public:
  constexpr Hash(std::uint32_t constant, std::uint32_t multiplier) : constant_(constant), multiplier_(multiplier) {}

  std::uint32_t operator()(std::uint32_t value) {
    value ^= constant_;
    constant_ *= multiplier_;
    value *= constant_;
    return value ^ value >> 16;
  }

 private:
  std::uint32_t constant_, multiplier_;
};

std::uint32_t mixed(std::uint32_t one, std::uint32_t other) {
  const std::uint32_t value = 0xca01f9ddU * one - 0x4973f715U * other;
  return value ^ value >> 16;
}

std::array<std::uint32_t, kPool> entropy_of(std::optional<std::int64_t> seed) {
  if (seed) return {static_cast<std::uint32_t>(*seed), static_cast<std::uint32_t>(*seed >> 32), 0, 0};
  std::random_device device;
  return {device(), device(), device(), device()};
}

}  // namespace

std::array<std::uint32_t, 8> seed_words(const std::array<std::uint32_t, 4>& entropy, std::uint32_t child) {
  Hash hash(0x43b0d7e5U, 0x931e8875U);
  std::array<std::uint32_t, kPool> pool{};
  for (std::size_t i = 0; i < kPool; ++i) pool[i] = hash(entropy[i]);
  for (std::size_t from = 0; from < kPool; ++from) {
    for (std::size_t to = 0; to < kPool; ++to) {
      if (from != to) pool[to] = mixed(pool[to], hash(pool[from]));
    }
  }
  for (std::uint32_t& word : pool) word = mixed(word, hash(child));
  Hash out(0x8b51f9ddU, 0x58f38dedU);
  std::array<std::uint32_t, 8> words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = out(pool[i % kPool]);
  return words;
}

Random::Random(std::optional<std::int64_t> seed, std::uint32_t child) {
  const auto words = seed_words(entropy_of(seed), child);
  const auto pair = [&](std::size_t i) { return static_cast<Word>(words[i]) | static_cast<Word>(words[i + 1]) << 32; };
  const Word start = pair(0) << 64 | pair(2), sequence = pair(4) << 64 | pair(6);
  increment_ = sequence << 1 | 1;
  step();
  state_ += start;
  step();
}

double Random::next() {
  step();
  const auto folded = static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_);
  const auto turn = static_cast<unsigned>(state_ >> 122);
  const std::uint64_t bits = folded >> turn | folded << (-turn & 63);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

void Random::step() {
  constexpr Word kMultiplier = static_cast<Word>(0x2360ed051fc65da4U) << 64 | 0x4385df649fccf645U;
  state_ = state_ * kMultiplier + increment_;
}

}  // namespace bert_runtime
