#include "models/hashing.h"

#include <cstring>
#include <random>

namespace bert_runtime {
namespace {

struct Secrets {
  std::uint64_t first, second, point;
};

std::uint64_t drawn() {
  std::random_device source;
  return std::uint64_t{source()} << 32 | source();
}

const Secrets& secrets() {
  static const Secrets made{drawn() | 1, drawn() | 1, drawn() >> 4 | 1};
  return made;
}

/// Both halves of a product, mixed.
std::uint64_t folded(std::uint64_t a, std::uint64_t b) {
  const auto both = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(both) ^ static_cast<std::uint64_t>(both >> 64);
}

}  // namespace

std::uint64_t quick_hash(std::uint64_t number) {
  const Secrets& secret = secrets();
  return folded(folded(number ^ secret.first, secret.second), secret.point);
}

std::uint64_t quick_hash(std::string_view bytes) {
  const Secrets& secret = secrets();
  std::uint64_t hash = secret.first ^ bytes.size();
  std::uint64_t chunk = 0;
  std::size_t at = 0;
  for (; at + sizeof chunk <= bytes.size(); at += sizeof chunk) {
    std::memcpy(&chunk, bytes.data() + at, sizeof chunk);
    hash = folded(hash ^ chunk, secret.second) + secret.point;
  }
  chunk = 0;
  if (at < bytes.size()) std::memcpy(&chunk, bytes.data() + at, bytes.size() - at);
  return folded(folded(hash ^ chunk, secret.second), secret.point);
}

std::uint64_t WordHashes::point() { return secrets().point; }

void WordHashes::read(std::string_view word) {
  if (prefixes_.size() <= word.size()) {
    prefixes_.resize(word.size() + 1);
    const std::size_t known = powers_.size();
    powers_.resize(word.size() + 1);
    for (std::size_t i = known; i < powers_.size(); ++i) powers_[i] = product(powers_[i - 1], point());
  }
  for (std::size_t i = 0; i < word.size(); ++i) prefixes_[i + 1] = next(prefixes_[i], word[i]);
}

std::uint64_t WordHashes::of(std::string_view whole) {
  std::uint64_t hash = 0;
  for (const char byte : whole) hash = next(hash, byte);
  return hash;
}

}  // namespace bert_runtime
