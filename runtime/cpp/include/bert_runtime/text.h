// From text to token ids: word pieces with offsets, special tokens, truncation and overlapping windows.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bert_runtime/export.h"
#include "bert_runtime/tokenizer.h"

namespace bert_runtime {

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

/// The bundle's tokenizer and the length its model takes.
///
/// A value: copies share one immutable tokenizer. Every function is const and safe in threads; results own their memory.
class BERT_RUNTIME_API TextEncoder {
 public:
  /// `max_length` is the longest sequence the model takes, special tokens included.
  ///
  /// Throws BundleError when the post-processor is not BERT's, or when the special tokens of a pair do not fit.
  TextEncoder(Tokenizer tokenizer, std::int64_t max_length);

  /// Reads a `tokenizer.json`.
  ///
  /// Throws BundleError, with the file's name, when it is unreadable or its parts are not BERT's.
  [[nodiscard]] static TextEncoder from_file(const std::filesystem::path& path, std::int64_t max_length);

  /// The same from the file's content, read and checked by the caller; `name` is for messages.
  [[nodiscard]] static TextEncoder from_json(std::string_view content, std::string_view name, std::int64_t max_length);

  /// The word pieces of `text`; special tokens written in it (such as [MASK]) count as themselves.
  /// Throws InputError when `text` is not UTF-8.
  [[nodiscard]] Pieces pieces(std::string_view text) const;

  /// One text or a pair with its special tokens; the caller has made them fit. `second` may be null and is only read.
  [[nodiscard]] Row row(const Pieces& first, const Pieces* second = nullptr) const;

  /// How many pieces fit beside the special tokens of one text, or of a pair.
  [[nodiscard]] std::int64_t room(bool pair = false) const;

  /// The text's pieces, cut at the end until they fit.
  [[nodiscard]] Pieces truncate(const Pieces& first) const;

  /// Cuts the end of the longer text until both fit (`longest_first` of the tokenizers library).
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

  [[nodiscard]] std::int64_t max_length() const { return max_length_; }
  [[nodiscard]] const Template& special_tokens() const { return template_; }
  [[nodiscard]] std::int64_t pad_id() const { return pad_id_; }
  [[nodiscard]] const std::string& mask_token() const { return mask_token_; }
  [[nodiscard]] std::optional<std::int64_t> mask_id() const { return mask_id_; }
  [[nodiscard]] std::int64_t vocabulary_size() const { return tokenizer_.vocabulary_size(); }

 private:
  Tokenizer tokenizer_;
  std::int64_t max_length_;
  Template template_;
  std::int64_t pad_id_;
  std::string mask_token_ = "[MASK]";
  std::optional<std::int64_t> mask_id_;
};

}  // namespace bert_runtime
