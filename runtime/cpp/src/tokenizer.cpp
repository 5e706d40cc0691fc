#include "bert_runtime/tokenizer.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "added_tokens.h"
#include "bert_runtime/errors.h"
#include "character_counter.h"
#include "decoder.h"
#include "lower_case.h"
#include "normalizer.h"
#include "tokenizer_json.h"
#include "wordpiece.h"

namespace bert_runtime {
namespace {

constexpr std::size_t kLongestText = INT32_MAX;

}  // namespace

struct Tokenizer::State {
  NormalizerSettings normalizer;
  WordPiece model;
  std::vector<AddedToken> added_tokens;
  std::vector<std::string> decoded;  ///< What each added token is when ids are decoded: its pattern.
  AddedTokenFinder original, normalized;
  std::unordered_map<std::uint32_t, std::size_t> added_by_id;
  std::unordered_map<std::string_view, std::uint32_t> added_by_content;
  std::unordered_set<std::string_view> special;
  std::size_t vocabulary_size;
  PostProcessor post_processor;
  Decoder decoder;

  explicit State(TokenizerFile file);
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void add(const AddedToken& token, AddedPatterns& patterns);
  [[nodiscard]] const std::string* token(std::int64_t id) const;
  [[nodiscard]] bool holds(std::int64_t id) const { return token(id) != nullptr; }
};

Tokenizer::State::State(TokenizerFile file)
    : normalizer(file.normalizer),
      model(Vocabulary(std::move(file.vocabulary), file.continuing_prefix), file.unknown_token,
            file.max_input_chars_per_word),
      added_tokens(std::move(file.added_tokens)),
      vocabulary_size(model.vocabulary().size()),
      post_processor(std::move(file.post_processor)),
      decoder{file.has_decoder, std::move(file.decoder_prefix), file.cleanup} {
  decoded.reserve(added_tokens.size());
  AddedPatterns in_original, in_normalized;
  for (const AddedToken& token : added_tokens) add(token, token.normalized ? in_normalized : in_original);
  original = AddedTokenFinder(in_original);
  normalized = AddedTokenFinder(in_normalized);
  for (const auto* elements : {&post_processor.single, &post_processor.pair}) {
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
  const auto known = model.vocabulary().id(token.content);
  const std::size_t id = known ? *known : vocabulary_size;
  if (id != token.id || (!known && holds(token.id)) || added_by_id.contains(token.id)) {
    throw BundleError("the added token '" + token.content + "' has id " + std::to_string(token.id) + ", expected " +
                      (id != token.id ? std::to_string(id) : "an id of its own") + "; export the bundle again");
  }
  std::string pattern = token.content;
  if (token.normalized) {
    Normalized out;
    normalize(normalizer, token.content, 0, static_cast<std::uint32_t>(token.content.size()), out);
    pattern = std::move(out.text);
  }
  add_pattern(patterns, pattern, token);
  added_by_id.emplace(token.id, decoded.size());
  added_by_content.emplace(token.content, token.id);
  decoded.push_back(std::move(pattern));
  if (token.special) special.insert(token.content);
  vocabulary_size += !known;
}

const std::string* Tokenizer::State::token(std::int64_t id) const {
  if (id < 0 || id > UINT32_MAX) return nullptr;
  const auto added = added_by_id.find(static_cast<std::uint32_t>(id));
  return added != added_by_id.end() ? &decoded[added->second] : model.vocabulary().token(id);
}

namespace {

/// Cuts one text into pieces: memory of one call, used again for each part of the text.
template <class State>
class PieceEncoder {
 public:
  PieceEncoder(const State& state, std::string_view text) : state_(state), text_(text), characters_(text) {}

  Pieces encode() {
    reserve(text_.size() / 4 + 1);
    std::vector<Split> splits;
    state_.original.split(text_, splits);
    for (const Split& split : splits) {
      if (split.token != nullptr) {
        put(split.token->id, split.begin, split.end);
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
    normalize(state_.normalizer, text_, static_cast<std::uint32_t>(part.begin), static_cast<std::uint32_t>(part.end),
              normalized_);
    state_.normalized.split(normalized_.text, inner_);
    for (const Split& split : inner_) {
      if (split.token != nullptr) {
        put(split.token->id, normalized_.begin[split.begin], normalized_.end[split.end - 1]);
        ++word_;
      } else {
        words(split);
      }
    }
  }

  void words(const Split& part) {
    const std::string_view text = std::string_view(normalized_.text).substr(0, part.end);
    for (std::size_t begin = part.begin, end = part.begin; next_word(text, begin, end); ++word_) {
      found_.clear();
      state_.model.cut(text, begin, end, hashes_, found_);
      for (const TextPiece& piece : found_) {
        put(piece.id, normalized_.begin[piece.begin], normalized_.end[piece.end - 1]);
      }
    }
  }

  void put(std::uint32_t id, std::size_t begin, std::size_t end) {
    const std::int64_t first = characters_(begin);
    pieces_.ids.push_back(id);
    pieces_.offsets.push_back({first, characters_(end)});
    pieces_.bytes.push_back({static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)});
    pieces_.words.push_back(word_);
  }

  const State& state_;
  std::string_view text_;
  CharacterCounter characters_;
  Normalized normalized_;
  std::vector<Split> inner_;
  std::vector<TextPiece> found_;
  WordHashes hashes_;
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
  return state_->decoder.join(tokens);
}

bool Tokenizer::has_token(std::int64_t id) const { return state_->holds(id); }

std::string Tokenizer::token(std::int64_t id) const {
  const std::string* found = state_->token(id);
  return found == nullptr ? std::string() : *found;
}

std::optional<std::int64_t> Tokenizer::token_id(std::string_view token) const {
  const auto added = state_->added_by_content.find(token);
  if (added != state_->added_by_content.end()) return added->second;
  return state_->model.vocabulary().id(token);
}

std::int64_t Tokenizer::vocabulary_size() const { return static_cast<std::int64_t>(state_->vocabulary_size); }

const PostProcessor& Tokenizer::post_processor() const { return state_->post_processor; }

}  // namespace bert_runtime
