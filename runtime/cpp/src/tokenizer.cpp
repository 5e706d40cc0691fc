#include "bert_runtime/tokenizer.h"

#include <algorithm>
#include <map>
#include <set>

#include "added_tokens.h"
#include "bert_runtime/errors.h"
#include "character_counter.h"
#include "format_limits.h"
#include "lower_case.h"
#include "tokenizer_json.h"
#include "trimmed_offsets.h"

namespace bert_runtime {
namespace {

constexpr std::size_t kLongestText = INT32_MAX;

}  // namespace

struct Tokenizer::State {
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<Model> model;
  PostProcessing post_processing;
  std::unique_ptr<Decoder> decoder;
  std::vector<AddedToken> added_tokens;
  std::vector<std::string> decoded;  ///< What each added token is when ids are decoded: its pattern.
  AddedTokenFinder original, normalized;
  std::map<std::uint32_t, std::size_t> added_by_id;
  std::map<std::string_view, std::uint32_t> added_by_content;
  std::set<std::string_view> special;
  std::size_t vocabulary_size;

  explicit State(TokenizerFile file);
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void add(const AddedToken& token, AddedPatterns& patterns);
  [[nodiscard]] const std::string* token(std::int64_t id) const;
  [[nodiscard]] bool holds(std::int64_t id) const { return token(id) != nullptr; }
};

Tokenizer::State::State(TokenizerFile file)
    : normalizer(std::move(file.normalizer)),
      pre_tokenizer(std::move(file.pre_tokenizer)),
      model(file.make_model()),
      post_processing(std::move(file.post_processing)),
      decoder(std::move(file.decoder)),
      added_tokens(std::move(file.added_tokens)),
      vocabulary_size(model->vocabulary().size()) {
  decoded.reserve(added_tokens.size());
  AddedPatterns in_original, in_normalized;
  for (const AddedToken& token : added_tokens) add(token, token.normalized ? in_normalized : in_original);
  original = AddedTokenFinder(in_original);
  normalized = AddedTokenFinder(in_normalized);
  for (const auto* elements : {&post_processing.tokens.single, &post_processing.tokens.pair}) {
    for (const TemplateElement& element : *elements) {
      for (const std::int64_t id : element.ids) {
        if (holds(id)) continue;
        throw BundleError("the post-processor adds id " + std::to_string(id) +
                          ", expected one of the vocabulary; export the bundle again");
      }
    }
  }
}

/// The tokenizers library numbers added tokens itself: by the vocabulary, else upwards from its size.
void Tokenizer::State::add(const AddedToken& token, AddedPatterns& patterns) {
  const auto known = model->vocabulary().id(token.content);
  const std::size_t id = known ? *known : vocabulary_size;
  if (id != token.id || (!known && holds(token.id)) || added_by_id.contains(token.id)) {
    throw BundleError("the added token '" + token.content + "' has id " + std::to_string(token.id) + ", expected " +
                      (id != token.id ? std::to_string(id) : "an id of its own") + "; export the bundle again");
  }
  std::string pattern = token.normalized ? bert_runtime::normalized(*normalizer, token.content) : token.content;
  add_pattern(patterns, pattern, token);
  added_by_id.emplace(token.id, decoded.size());
  added_by_content.emplace(token.content, token.id);
  decoded.push_back(std::move(pattern));
  if (token.special) special.insert(token.content);
  vocabulary_size += !known;
}

const std::string* Tokenizer::State::token(std::int64_t id) const {
  if (id < 0 || id > UINT32_MAX) return nullptr;
  if (!added_by_id.empty()) {
    const auto added = added_by_id.find(static_cast<std::uint32_t>(id));
    if (added != added_by_id.end()) return &decoded[added->second];
  }
  return model->vocabulary().token(id);
}

namespace {

/// Cuts one text into pieces: memory of one call, used again for each part of the text.
template <class State>
class PieceEncoder {
 public:
  PieceEncoder(const State& state, std::string_view text)
      : state_(state), text_(text), characters_(text), trims_(text, state.post_processing.trims) {}

  Pieces encode() {
    reserve(text_.size() / 4 + 1);
    std::vector<Split> splits;
    state_.original.split(text_, splits);
    for (const Split& split : splits) {
      if (split.token != nullptr) {
        put({split.token->id, split.begin, split.end}, text_.substr(split.begin, split.end - split.begin));
        ++word_;
      } else {
        ordinary(split);
      }
    }
    return std::move(pieces_);
  }

 private:
  /// English has a piece for each four to five bytes.
  void reserve(std::size_t pieces) {
    pieces_.ids.reserve(pieces);
    pieces_.offsets.reserve(pieces);
    pieces_.bytes.reserve(pieces);
    pieces_.words.reserve(pieces);
  }

  void ordinary(const Split& part) {
    trims_.forget();
    state_.normalizer->read(text_, part.begin, part.end, normalized_, spare_);
    if (normalized_.empty()) return;
    state_.normalized.split(normalized_.text, inner_);
    for (const Split& split : inner_) {
      const Range range{split.begin, split.end};
      if (split.token != nullptr) {
        put(placed({split.token->id, split.begin, split.end}, normalized_), normalized_.part(range));
        ++word_;
      } else {
        words_.start(normalized_, range);
        words();
      }
    }
  }

  void words() {
    state_.pre_tokenizer->cut(words_);
    const Normalized& text = words_.text();
    for (const Range& word : words_.parts()) {
      found_.clear();
      state_.model->cut(text.text, word, memory_, found_);
      for (const TextPiece& piece : found_) put(placed(piece, text), name(piece, text));
      ++word_;
    }
  }

  /// The piece at its place in the original text.
  static TextPiece placed(const TextPiece& piece, const Normalized& text) {
    return {piece.id, text.begin[piece.begin], text.end[piece.end - 1], piece.is_text};
  }

  /// What the library calls a piece; asked only where offsets are trimmed by it.
  [[nodiscard]] std::string_view name(const TextPiece& piece, const Normalized& text) const {
    if (trims_.empty()) return {};
    if (piece.is_text) return text.part({piece.begin, piece.end});
    const std::string* token = state_.model->vocabulary().token(piece.id);
    return token == nullptr ? std::string_view() : *token;
  }

  void put(const TextPiece& piece, std::string_view name) {
    const std::int64_t first = characters_(piece.begin);
    Span characters{first, characters_(piece.end)};
    Span bytes{static_cast<std::int64_t>(piece.begin), static_cast<std::int64_t>(piece.end)};
    if (!trims_.empty()) trims_.trim(name, pieces_.ids.empty(), characters, bytes);
    pieces_.ids.push_back(piece.id);
    pieces_.offsets.push_back(characters);
    pieces_.bytes.push_back(bytes);
    pieces_.words.push_back(word_);
  }

  const State& state_;
  std::string_view text_;
  CharacterCounter characters_;
  OffsetTrims trims_;
  Normalized normalized_, spare_;
  Words words_;
  std::vector<Split> inner_;
  std::vector<TextPiece> found_;
  ModelMemory memory_;
  Pieces pieces_;
  std::int64_t word_ = 0;
};

}  // namespace

Pieces Pieces::part(Span part) const {
  const std::int64_t begin = std::clamp<std::int64_t>(part.begin, 0, size());
  const std::int64_t end = std::clamp<std::int64_t>(part.end, begin, size());
  const auto cut = [&](const auto& all) {
    return std::remove_cvref_t<decltype(all)>(all.begin() + begin, all.begin() + end);
  };
  return {cut(ids), cut(offsets), cut(bytes), cut(words)};
}

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Tokenizer Tokenizer::from_json(std::string_view content, std::string_view name) {
  TokenizerFile file = read_tokenizer_file(content, name);
  try {
    return Tokenizer(std::make_shared<const State>(std::move(file)));
  } catch (const BundleError& error) {
    throw BundleError(Problem("bad-tokenizer", std::string(name), std::string(name) + ": " + error.what()));
  }
}

void require_readable(std::string_view text) {
  if (text.size() > kLongestText) {
    throw InputError(Problem("too-long", "text",
                             "text has " + std::to_string(text.size()) + " bytes, expected at most " +
                                 std::to_string(kLongestText) + ": split it"));
  }
  if (const auto problem = utf8_problem("text", text)) throw InputError(Problem("not-utf8", "text", *problem));
}

Pieces Tokenizer::encode(std::string_view text) const {
  require_readable(text);
  return PieceEncoder<State>(*state_, text).encode();
}

std::string Tokenizer::decode(std::span<const std::int64_t> ids, bool skip_special_tokens) const {
  std::vector<std::string_view> tokens;
  tokens.reserve(ids.size());
  for (const std::int64_t id : ids) {
    const std::string* token = state_->token(id);
    if (token != nullptr && !(skip_special_tokens && state_->special.contains(*token))) tokens.push_back(*token);
  }
  return state_->decoder->join(tokens);
}

bool Tokenizer::has_token(std::int64_t id) const { return state_->holds(id); }

std::string Tokenizer::token(std::int64_t id) const {
  const std::string* found = state_->token(id);
  return found == nullptr ? std::string() : *found;
}

std::optional<std::int64_t> Tokenizer::token_id(std::string_view token) const {
  const auto added = state_->added_by_content.find(token);
  if (added != state_->added_by_content.end()) return added->second;
  return state_->model->vocabulary().id(token);
}

std::int64_t Tokenizer::vocabulary_size() const { return static_cast<std::int64_t>(state_->vocabulary_size); }

const PostProcessor& Tokenizer::post_processor() const { return state_->post_processing.tokens; }

}  // namespace bert_runtime
