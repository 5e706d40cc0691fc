#include "added_tokens.h"

#include <algorithm>
#include <cstring>

#include "bert_runtime/errors.h"
#include "format_limits.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

bool has(unicode::Decoded decoded, unicode::Flag flag) { return (unicode::flags(decoded.code) & flag) != 0; }

bool is_single_word(std::string_view text, std::size_t begin, std::size_t end) {
  return !(begin > 0 && has(unicode::decode_before(text, begin), unicode::kWord)) &&
         !(end < text.size() && has(unicode::decode(text, end), unicode::kWord));
}

/// The start of the spaces before `at`, not before `from`.
std::size_t before_spaces(std::string_view text, std::size_t at, std::size_t from) {
  while (at > from) {
    const unicode::Decoded decoded = unicode::decode_before(text, at);
    if (!has(decoded, unicode::kSpace)) break;
    at -= decoded.length;
  }
  return at;
}

std::size_t behind_spaces(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const unicode::Decoded decoded = unicode::decode(text, at);
    if (!has(decoded, unicode::kSpace)) break;
    at += decoded.length;
  }
  return at;
}

}  // namespace

void add_pattern(AddedPatterns& patterns, std::string pattern, const AddedToken& token) {
  if (pattern.empty() || pattern.size() > kLongestAddedToken) {
    throw BundleError("the added token '" + token.content + "' has " + std::to_string(pattern.size()) +
                      " bytes once normalised, expected 1 to " + std::to_string(kLongestAddedToken) +
                      "; export the bundle again");
  }
  const auto [place, is_new] = patterns.emplace(std::move(pattern), &token);
  if (!is_new) {
    throw BundleError("the added tokens '" + place->second->content + "' and '" + token.content +
                      "' are found as the same text, expected tokens that differ; export the bundle again");
  }
}

AddedTokenFinder::AddedTokenFinder(const AddedPatterns& patterns) : patterns_(patterns.begin(), patterns.end()) {
  for (const Pattern& pattern : patterns_) begins_[static_cast<unsigned char>(pattern.first.front())] = true;
}

const AddedTokenFinder::Pattern* AddedTokenFinder::longest_at(std::string_view text, std::size_t at) const {
  const Pattern* found = nullptr;
  auto low = patterns_.begin(), high = patterns_.end();
  for (std::size_t depth = 0; at + depth < text.size() && low != high; ++depth) {
    const auto byte = static_cast<unsigned char>(text[at + depth]);
    const auto at_depth = [depth](const Pattern& one) {
      return depth < one.first.size() ? static_cast<int>(static_cast<unsigned char>(one.first[depth])) : -1;
    };
    low = std::lower_bound(low, high, byte, [&](const Pattern& one, int wanted) { return at_depth(one) < wanted; });
    high = std::upper_bound(low, high, byte, [&](int wanted, const Pattern& one) { return wanted < at_depth(one); });
    if (low != high && low->first.size() == depth + 1) found = &*low;
  }
  return found;
}

const AddedTokenFinder::Pattern* AddedTokenFinder::next(std::string_view text, std::size_t& at) const {
  for (; at < text.size(); ++at) {
    if (!begins_[static_cast<unsigned char>(text[at])]) continue;
    if (const Pattern* found = longest_at(text, at)) return found;
  }
  return nullptr;
}

void AddedTokenFinder::split(std::string_view text, std::vector<Split>& splits) const {
  splits.clear();
  std::size_t done = 0, at = 0, spaces_end = 0;
  while (const Pattern* found = patterns_.empty() ? nullptr : next(text, at)) {
    std::size_t begin = at, end = at + found->first.size();
    at = end;
    const AddedToken& token = *found->second;
    if (token.single_word && !is_single_word(text, begin, end)) continue;
    if (token.lstrip) begin = begin > done ? before_spaces(text, begin, done) : done;
    // A token of spaces may be found in spaces that another took.
    if (token.rstrip) end = spaces_end = end < spaces_end ? spaces_end : behind_spaces(text, end);
    if (done < begin) splits.push_back({nullptr, done, begin});
    splits.push_back({&token, begin, end});
    done = end;
  }
  if (done != text.size()) splits.push_back({nullptr, done, text.size()});
}

}  // namespace bert_runtime
