// Tokens that are found in a text before it is cut into words, such as [MASK].
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bert_runtime {

/// A token of tokenizer.json's `added_tokens`.
struct AddedToken {
  std::uint32_t id = 0;
  std::string content;
  bool single_word = false;  ///< Only where no letter, digit or underscore stands beside it.
  bool lstrip = false;       ///< Takes the spaces before it.
  bool rstrip = false;       ///< Takes the spaces behind it.
  bool normalized = false;   ///< Its normalised form is looked for in the normalised text.
  bool special = false;      ///< May be left out when ids are decoded.
};

/// A part of a text: an added token, or what stands between two.
struct Split {
  const AddedToken* token;  ///< Null for ordinary text.
  std::size_t begin, end;   ///< In bytes.
};

/// What is looked for, and on whose behalf.
using AddedPatterns = std::map<std::string, const AddedToken*>;

/// Adds a pattern. Throws BundleError for an empty one, or one that another token has.
void add_pattern(AddedPatterns& patterns, std::string pattern, const AddedToken& token);

/// Finds added tokens: the leftmost match first, the longest of those that begin there. Safe in threads.
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;

  /// Looks for each pattern on behalf of its token, which must live as long as this.
  explicit AddedTokenFinder(const AddedPatterns& patterns);

  /// Cuts `text` at its added tokens into `splits`, which is emptied first. As in the tokenizers library the parts may
  /// overlap where a token that begins with a space follows one that takes the spaces behind it.
  void split(std::string_view text, std::vector<Split>& splits) const;

 private:
  using Pattern = std::pair<std::string, const AddedToken*>;

  [[nodiscard]] const Pattern* longest_at(std::string_view text, std::size_t at) const;
  [[nodiscard]] const Pattern* next(std::string_view text, std::size_t& at) const;

  std::vector<Pattern> patterns_;  ///< Sorted by their bytes.
  bool begins_[256] = {};          ///< Whether a pattern begins with the byte.
};

}  // namespace bert_runtime
