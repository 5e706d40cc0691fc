// BERT's tokenizer as a tokenizer.json describes it: normalizer, words, word pieces, added tokens, decoder.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bert_runtime/export.h"
#include "bert_runtime/utf8.h"

namespace bert_runtime {

/// The word pieces of one text, without special tokens: four arrays of the same length.
struct Pieces {
  std::vector<std::int64_t> ids;
  std::vector<Span> offsets;        ///< Code points of the original text.
  std::vector<Span> bytes;          ///< The same places, in bytes of its UTF-8.
  std::vector<std::int64_t> words;  ///< Which pre-tokenised word a piece belongs to.

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
  [[nodiscard]] bool empty() const { return ids.empty(); }

  /// A copy of the pieces in `part`, which may reach beyond the end.
  [[nodiscard]] BERT_RUNTIME_API Pieces part(Span part) const;
};

/// One element of a post-processor's template: the ids of a special token, or the place of a text.
struct TemplateElement {
  int text = -1;  ///< 0 or 1 for the first or second text, -1 for special tokens.
  std::int64_t type_id = 0;
  std::vector<std::int64_t> ids;  ///< Empty for a text.
};

/// What a post-processor puts around one text and around two.
struct PostProcessor {
  std::vector<TemplateElement> single;
  std::vector<TemplateElement> pair;
};

/// A tokenizer.json whose parts are BERT's: BertNormalizer, BertPreTokenizer, WordPiece, BertProcessing or
/// TemplateProcessing, the WordPiece decoder, and added tokens. Ids, words and offsets equal those of the `tokenizers`
/// package on every text.
///
/// A value: copies share one immutable state. Every function is const and safe in threads.
class BERT_RUNTIME_API Tokenizer {
 public:
  /// Reads the text of a tokenizer.json; `name` is the file's, for messages. Nothing points into either afterwards.
  ///
  /// Throws BundleError for anything that is no such tokenizer: broken JSON, a part that is not listed above (by its
  /// name), ids that repeat or leave 32 bits, a missing unknown token, an added token whose id is not the one that the
  /// `tokenizers` package would give it.
  [[nodiscard]] static Tokenizer from_json(std::string_view content, std::string_view name);

  /// The word pieces of `text`; special tokens written in it (such as a mask) count as themselves.
  ///
  /// Throws InputError when `text` is not UTF-8, or longer than 2 GiB.
  [[nodiscard]] Pieces encode(std::string_view text) const;

  /// The text that ids stand for, as the tokenizer's decoder writes it; ids outside the vocabulary are left out.
  [[nodiscard]] std::string decode(std::span<const std::int64_t> ids, bool skip_special_tokens = true) const;

  /// Whether the vocabulary or an added token has this id.
  [[nodiscard]] bool has_token(std::int64_t id) const;

  /// The vocabulary's entry for an id, or "".
  [[nodiscard]] std::string token(std::int64_t id) const;

  /// The id of a vocabulary entry or added token, or nothing.
  [[nodiscard]] std::optional<std::int64_t> token_id(std::string_view token) const;

  /// How many entries the vocabulary has, with added tokens. Ids may be larger where the vocabulary has holes.
  [[nodiscard]] std::int64_t vocabulary_size() const;

  /// What the tokenizer puts around texts; both lists name only the texts when the file has no post-processor.
  [[nodiscard]] const PostProcessor& post_processor() const;

 private:
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

}  // namespace bert_runtime
