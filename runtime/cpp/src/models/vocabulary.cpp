#include "models/vocabulary.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "bert_runtime/errors.h"

namespace bert_runtime {

TokenTable::TokenTable(std::size_t count) : slots_(std::bit_ceil(2 * count + 2)) {}

std::size_t TokenTable::first_slot(std::uint64_t hash) const {
  return static_cast<std::size_t>(hash ^ hash >> 32) & (slots_.size() - 1);
}

bool TokenTable::add(std::string_view token, std::uint64_t hash, std::uint32_t id) {
  if (find(token, hash)) return false;
  std::size_t at = first_slot(hash);
  while (slots_[at].token != nullptr) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {token.data(), static_cast<std::uint32_t>(token.size()), id, hash};
  longest_ = std::max(longest_, token.size());
  return true;
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

Vocabulary::Vocabulary(std::vector<Entry> entries, std::optional<std::string_view> continuing_prefix)
    : entries_(std::move(entries)), beginning_(entries_.size()) {
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.id != b.id ? a.id < b.id : a.token < b.token; });
  const auto same = [](const Entry& a, const Entry& b) { return a.id == b.id; };
  const auto twice = std::adjacent_find(entries_.begin(), entries_.end(), same);
  if (twice != entries_.end()) {
    throw BundleError("the vocabulary gives id " + std::to_string(twice->id) + " to '" + twice->token + "' and to '" +
                      (twice + 1)->token + "', expected one token for each id; export the bundle again");
  }
  const auto continues = [&](const Entry& entry) {
    return continuing_prefix && entry.token.starts_with(*continuing_prefix);
  };
  continuing_ = TokenTable(static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), continues)));
  for (const Entry& entry : entries_) {
    const std::string_view token = entry.token;
    if (!beginning_.add(token, WordHashes::of(token), entry.id)) {
      throw BundleError("the vocabulary has '" + entry.token +
                        "' twice, expected each token once; export the bundle again");
    }
    if (!continues(entry)) continue;
    const std::string_view rest = token.substr(continuing_prefix->size());
    continuing_.add(rest, WordHashes::of(rest), entry.id);
  }
}

std::optional<std::uint32_t> Vocabulary::id(std::string_view token) const {
  return beginning_.find(token, WordHashes::of(token));
}

const std::string* Vocabulary::token(std::int64_t id) const {
  const auto place = static_cast<std::size_t>(id);
  if (id >= 0 && place < entries_.size() && entries_[place].id == id) return &entries_[place].token;
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), id,
                                      [](const Entry& entry, std::int64_t wanted) { return entry.id < wanted; });
  return found != entries_.end() && found->id == id ? &found->token : nullptr;
}

}  // namespace bert_runtime
