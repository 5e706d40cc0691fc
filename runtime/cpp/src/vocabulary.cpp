#include "vocabulary.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "bert_runtime/errors.h"

namespace bert_runtime {
namespace {

constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15;
constexpr std::uint64_t kSpread = 0xD6E8FEB86659FD93;

std::uint64_t next_hash(std::uint64_t hash, char byte) { return hash * kBase + static_cast<unsigned char>(byte) + 1; }

}  // namespace

void WordHashes::read(std::string_view word) {
  if (prefixes_.size() <= word.size()) {
    prefixes_.resize(word.size() + 1);
    const std::size_t known = powers_.size();
    powers_.resize(word.size() + 1);
    for (std::size_t i = known; i < powers_.size(); ++i) powers_[i] = powers_[i - 1] * kBase;
  }
  for (std::size_t i = 0; i < word.size(); ++i) prefixes_[i + 1] = next_hash(prefixes_[i], word[i]);
}

std::uint64_t WordHashes::of(std::string_view whole) {
  std::uint64_t hash = 0;
  for (const char byte : whole) hash = next_hash(hash, byte);
  return hash;
}

TokenTable::TokenTable(std::size_t count) : slots_(std::bit_ceil(2 * count + 2)) {}

std::size_t TokenTable::first_slot(std::uint64_t hash) const {
  return static_cast<std::size_t>((hash ^ hash >> 32) * kSpread >> 32) & (slots_.size() - 1);
}

void TokenTable::add(std::string_view token, std::uint32_t id) {
  const std::uint64_t hash = WordHashes::of(token);
  std::size_t at = first_slot(hash);
  while (slots_[at].token != nullptr) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {token.data(), static_cast<std::uint32_t>(token.size()), id, hash};
  longest_ = std::max(longest_, token.size());
}

std::optional<std::uint32_t> TokenTable::find(std::string_view token, std::uint64_t hash) const {
  for (std::size_t at = first_slot(hash); slots_[at].token != nullptr; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.hash == hash && slot.length == token.size() && std::memcmp(slot.token, token.data(), slot.length) == 0) {
      return slot.id;
    }
  }
  return std::nullopt;
}

Vocabulary::Vocabulary(std::vector<Entry> entries, std::string_view continuing_prefix)
    : entries_(std::move(entries)), beginning_(entries_.size()) {
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.id != b.id ? a.id < b.id : a.token < b.token; });
  const auto same = [](const Entry& a, const Entry& b) { return a.id == b.id; };
  const auto twice = std::adjacent_find(entries_.begin(), entries_.end(), same);
  if (twice != entries_.end()) {
    throw BundleError("the vocabulary gives id " + std::to_string(twice->id) + " to '" + twice->token + "' and to '" +
                      (twice + 1)->token + "', expected one token for each id; export the bundle again");
  }
  const auto continues = [&](const Entry& entry) { return entry.token.starts_with(continuing_prefix); };
  continuing_ = TokenTable(static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), continues)));
  for (const Entry& entry : entries_) {
    beginning_.add(entry.token, entry.id);
    if (continues(entry)) continuing_.add(std::string_view(entry.token).substr(continuing_prefix.size()), entry.id);
  }
}

std::optional<std::uint32_t> Vocabulary::id(std::string_view token) const {
  return beginning_.find(token, WordHashes::of(token));
}

const std::string* Vocabulary::token(std::int64_t id) const {
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), id,
                                      [](const Entry& entry, std::int64_t wanted) { return entry.id < wanted; });
  return found != entries_.end() && found->id == id ? &found->token : nullptr;
}

}  // namespace bert_runtime
