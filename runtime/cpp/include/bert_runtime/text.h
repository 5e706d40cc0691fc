// From text to token ids: word pieces with offsets, special tokens, truncation and overlapping windows.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bert_runtime/export.h"
#include "bert_runtime/tokenizer.h"

namespace bert_runtime {

/// What a manifest says of the tokenizer.
struct TokenizerRecord {
  std::string file;             ///< The name of its tokenizer.json in the bundle.
  std::int64_t max_length = 0;  ///< The longest sequence that the model takes, special tokens included.
  std::int64_t pad_id = 0;      ///< The id that stands for padding.
  std::optional<std::int64_t> mask_id = std::nullopt;  ///< The id of the mask token; nothing where there is none.
  std::string truncation_side = "right";  ///< Which end of a text is cut, right or left; of two that of the longer.
  /// The token types of the first text and of the second: {0, 1}, or {0, 0} where all tokens have the same type.
  std::array<std::int64_t, 2> pair_type_ids = {0, 1};
  /// Whether a text is lower-cased, special tokens in it included, before the tokenizer reads it.
  bool lower_case = false;
  /// What the tokenizer calls them: cls, mask, pad, sep or unk -> the token; empty for BERT's names.
  std::map<std::string, std::string> special_tokens = {};
};

/// The special tokens around one text or two: what the tokenizer's post-processor adds, read off once.
struct Template {
  std::array<std::vector<std::int64_t>, 2> single;
  std::array<std::vector<std::int64_t>, 3> pair;
};

/// Token ids with special tokens: arrays of shape (sequence,).
struct Row {
  std::vector<std::int64_t> ids;       ///< What the model reads.
  std::vector<std::int64_t> type_ids;  ///< 0 for the first text, 1 for the second.
  Span first;                          ///< Where the first text's pieces stand in the row.
  std::optional<Span> second;          ///< Where the second text's stand; nothing for one text.
};

/// A tokenizer, used as a manifest's record of it says.
///
/// A value: copies share one immutable tokenizer. Every function is const and safe in threads; results own their memory.
class BERT_RUNTIME_API TextEncoder {
 public:
  /// Throws BundleError when the special tokens around a text are not BERT's or do not fit, or when the tokenizer has no
  /// token with an id of the record.
  TextEncoder(Tokenizer tokenizer, TokenizerRecord record);

  /// Reads a `tokenizer.json`.
  ///
  /// Throws BundleError, with the file's name, when it is unreadable, has parts that are not BERT's, or contradicts the
  /// record.
  [[nodiscard]] static TextEncoder from_file(const std::filesystem::path& path, const TokenizerRecord& record);

  /// The same from the file's content, read and checked by the caller; `name` is for messages.
  [[nodiscard]] static TextEncoder from_json(std::string_view content, std::string_view name,
                                             const TokenizerRecord& record);

  /// The word pieces of `text`; special tokens written in it (such as a mask) count as themselves.
  /// Throws InputError when `text` is not UTF-8.
  [[nodiscard]] Pieces pieces(std::string_view text) const;

  /// One text or a pair with its special tokens; the caller has made them fit. `second` may be null and is only read.
  [[nodiscard]] Row row(const Pieces& first, const Pieces* second = nullptr) const;

  /// How many pieces fit beside the special tokens of one text, or of a pair.
  [[nodiscard]] std::int64_t room(bool pair = false) const;

  /// The text's pieces, cut at the record's side until they fit.
  [[nodiscard]] Pieces truncate(const Pieces& first) const;

  /// Cuts the longer text, at the record's side, until both fit (`longest_first` of the tokenizers library).
  [[nodiscard]] std::pair<Pieces, Pieces> truncate(const Pieces& first, const Pieces& second) const;

  /// Slices of at most `room` pieces that cover `length` pieces, neighbours sharing `stride` of them.
  /// Throws InputError when `room` does not exceed `stride`, so that windows would not advance.
  [[nodiscard]] static std::vector<Span> windows(std::int64_t length, std::int64_t room, std::int64_t stride);

  /// The vocabulary's entry for an id, or "".
  [[nodiscard]] std::string token(std::int64_t id) const;

  /// The id of a vocabulary entry, or nothing.
  [[nodiscard]] std::optional<std::int64_t> token_id(std::string_view token) const;

  /// The text that ids stand for, as the tokenizer's decoder writes it.
  [[nodiscard]] std::string decode(std::span<const std::int64_t> ids, bool skip_special_tokens = true) const;

  [[nodiscard]] const TokenizerRecord& record() const { return record_; }
  [[nodiscard]] std::int64_t max_length() const { return record_.max_length; }
  [[nodiscard]] const Template& special_tokens() const { return template_; }
  [[nodiscard]] std::int64_t pad_id() const { return record_.pad_id; }
  [[nodiscard]] std::optional<std::int64_t> mask_id() const { return record_.mask_id; }

  /// How a text writes a mask; empty where there is none.
  [[nodiscard]] const std::string& mask_token() const { return mask_token_; }

  /// How many tokens there are.
  [[nodiscard]] std::int64_t vocabulary_size() const { return tokenizer_.vocabulary_size(); }

 private:
  [[nodiscard]] Pieces cut(const Pieces& pieces, std::int64_t keep) const;
  void raise_problems() const;

  Tokenizer tokenizer_;
  TokenizerRecord record_;
  Template template_;
  std::string mask_token_;
};

}  // namespace bert_runtime
