#include "models/read_model.h"

#include <optional>
#include <utility>

#include "format_limits.h"
#include "models/bpe.h"
#include "models/unigram.h"
#include "models/wordpiece.h"

namespace bert_runtime {
namespace {

using Value = nlohmann::json;
using Merges = std::vector<std::pair<std::string, std::string>>;

std::vector<Entry> vocabulary(TokenizerFields& fields, const Value& part) {
  std::vector<Entry> entries;
  const Value& found = member(part, "vocab");
  if (!found.is_object()) return fields.wrong("model", "vocab", found, "tokens with their ids"), entries;
  entries.reserve(found.size());
  for (const auto& [token, id] : found.items()) {
    entries.push_back({token, id.is_number_unsigned() && id.get<std::uint64_t>() <= UINT32_MAX
                                  ? id.get<std::uint32_t>()
                                  : fields.id(id, "model.vocab[" + as_shown(token) + "]")});
  }
  return entries;
}

MakeModel wordpiece(TokenizerFields& fields, const Value& part) {
  auto entries = vocabulary(fields, part);
  return [entries = std::move(entries), unknown = fields.text(part, "model", "unk_token"),
          prefix = fields.text(part, "model", "continuing_subword_prefix"),
          longest = fields.number(part, "model", "max_input_chars_per_word", kLongestWord)]() mutable {
    return std::make_unique<WordPiece>(Vocabulary(std::move(entries), prefix), unknown, longest);
  };
}

/// The two parts of a merge: a list of both, or a string with a space between them.
std::optional<std::pair<std::string, std::string>> merge(const Value& value) {
  if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string()) {
    return std::pair(value[0].get<std::string>(), value[1].get<std::string>());
  }
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  const std::size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) return std::nullopt;
  return std::pair(text.substr(0, space), text.substr(space + 1));
}

Merges merges(TokenizerFields& fields, const Value& part) {
  Merges made;
  const Value& list = member(part, "merges");
  if (!list.is_array()) return fields.wrong("model", "merges", list, "a list of pairs"), made;
  made.reserve(list.size());
  for (const Value& value : list) {
    if (auto pair = merge(value)) {
      made.push_back(std::move(*pair));
      continue;
    }
    fields.problem("model.merges has " + as_shown(value) + ", expected two tokens");
    break;
  }
  return made;
}

void must_be_empty(TokenizerFields& fields, const Value& part, const char* key) {
  const Value& value = member(part, key);
  const bool is_empty = value.is_string() && value.get_ref<const std::string&>().empty();
  if (!value.is_null() && !is_empty) fields.wrong("model", key, value, "null");
}

MakeModel bpe(TokenizerFields& fields, const Value& part) {
  BpeSettings settings;
  if (!member(part, "unk_token").is_null()) settings.unknown_token = fields.text(part, "model", "unk_token");
  settings.fuse_unknown = fields.boolean(part, "model", "fuse_unk", false);
  settings.byte_fallback = fields.boolean(part, "model", "byte_fallback", false);
  settings.ignore_merges = fields.boolean(part, "model", "ignore_merges", false);
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) must_be_empty(fields, part, key);
  const Value& dropout = member(part, "dropout");
  if (!dropout.is_null()) fields.wrong("model", "dropout", dropout, "null");
  auto entries = vocabulary(fields, part);
  return [entries = std::move(entries), made = merges(fields, part), settings = std::move(settings)]() mutable {
    return std::make_unique<Bpe>(Vocabulary(std::move(entries)), made, std::move(settings));
  };
}

/// A finite number that no sum of scores makes infinite.
std::optional<double> score(const Value& value) {
  if (!value.is_number() || value.is_binary()) return std::nullopt;
  const double number = value.get<double>();
  return number >= -kLargestScore && number <= kLargestScore ? std::optional(number) : std::nullopt;
}

/// One of Unigram's [token, score].
bool is_piece(const Value& value) {
  return value.is_array() && value.size() == 2 && value[0].is_string() && score(value[1]) &&
         value[0].get_ref<const std::string&>().size() <= kLongestPiece;
}

MakeModel unigram(TokenizerFields& fields, const Value& part) {
  std::vector<Entry> entries;
  std::vector<double> scores;
  const Value& list = member(part, "vocab");
  if (!list.is_array() || list.empty()) fields.wrong("model", "vocab", list, "tokens with their scores");
  for (const Value& value : list.is_array() ? list : Value::array()) {
    if (!is_piece(value)) {
      fields.problem("model.vocab[" + std::to_string(entries.size()) + "] is " + as_shown(value) +
                     ", expected a token of at most " + std::to_string(kLongestPiece) + " bytes and its score");
      break;
    }
    entries.push_back({value[0].get<std::string>(), static_cast<std::uint32_t>(entries.size())});
    scores.push_back(score_of(value[1].get<double>()));
  }
  const auto most = static_cast<std::uint64_t>(list.is_array() && !list.empty() ? list.size() - 1 : 0);
  const auto unknown = static_cast<std::uint32_t>(fields.number(part, "model", "unk_id", most));
  const bool fallback = fields.boolean(part, "model", "byte_fallback", false);
  return [entries = std::move(entries), scores = std::move(scores), unknown, fallback]() mutable {
    return std::make_unique<Unigram>(Vocabulary(std::move(entries)), std::move(scores), unknown, fallback);
  };
}

}  // namespace

MakeModel read_model(TokenizerFields& fields, const nlohmann::json& part) {
  const Value& type = member(part, "type");
  if (type == "WordPiece") return wordpiece(fields, part);
  if (type == "BPE") return bpe(fields, part);
  if (type == "Unigram") return unigram(fields, part);
  const std::string got = type.is_string() ? type.get<std::string>() : type.is_null() ? "None" : as_shown(type);
  fields.problem("the tokenizer's model is " + got +
                 ", expected BPE, Unigram or WordPiece; export a checkpoint of a supported family");
  return {};
}

}  // namespace bert_runtime
