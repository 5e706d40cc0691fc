#include "tokenizer_json.h"

#include <cstdint>
#include <optional>

#include "bert_runtime/errors.h"
#include "bert_runtime/utf8.h"
#include "format_limits.h"
#include "in_json.h"
#include "strict_json.h"

namespace bert_runtime {
namespace {

using Value = nlohmann::json;

const Value kNull;

const Value& member(const Value& record, const char* key) {
  if (!record.is_object()) return kNull;
  const auto found = record.find(key);
  return found == record.end() ? kNull : *found;
}

std::string shown(const Value& value) {
  if (value.is_binary()) return "an integer of more than 64 bits";
  const std::string text = value.dump(-1, ' ', false, Value::error_handler_t::replace);
  return count_code_points(text) <= 60 ? text : cut(text, 57) + "...";
}

/// A whole number that is not below 0, as the library's parser or another keeps it.
std::optional<std::uint64_t> whole(const Value& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value.get<std::int64_t>());
}

/// The `type` of a part: null where the file has none.
std::string kind(const Value& part) {
  const Value& type = member(part, "type");
  return type.is_string() ? type.get<std::string>() : part.is_null() ? "null" : shown(part);
}

/// Reads members and gathers what is wrong with them.
class FileReader {
 public:
  void problem(std::string sentence) {
    if (problems_.size() < kMostShown) problems_.push_back(std::move(sentence));
  }

  /// True when `part` is of `type`; else a problem that names both.
  bool expect(const std::string& name, const Value& part, const char* type) {
    if (kind(part) == type) return true;
    problem("the tokenizer's " + name + " is " + kind(part) + ", expected " + type + "; export a BERT checkpoint");
    return false;
  }

  bool boolean(const Value& record, const std::string& where, const char* key) {
    const Value& value = member(record, key);
    if (!value.is_boolean()) wrong(where, key, value, "true or false");
    return value.is_boolean() && value.get<bool>();
  }

  std::string text(const Value& record, const std::string& where, const char* key) {
    const Value& value = member(record, key);
    if (!value.is_string()) wrong(where, key, value, "a string");
    return value.is_string() ? value.get<std::string>() : std::string();
  }

  std::uint64_t number(const Value& record, const std::string& where, const char* key, std::uint64_t most) {
    const Value& value = member(record, key);
    const auto number = whole(value);
    if (number && *number <= most) return *number;
    wrong(where, key, value, "a whole number of at most " + std::to_string(most));
    return 0;
  }

  /// An id: the tokenizers library's are of 32 bits.
  std::uint32_t id(const Value& value, const std::string& where) {
    const auto number = whole(value);
    if (number && *number <= UINT32_MAX) return static_cast<std::uint32_t>(*number);
    problem(where + " is " + shown(value) + ", expected an id from 0 to " + std::to_string(UINT32_MAX));
    return 0;
  }

  void wrong(const std::string& where, const char* key, const Value& value, const std::string& expected) {
    problem(where + "." + key + " is " + shown(value) + ", expected " + expected);
  }

  void raise(std::string_view name) const {
    if (problems_.empty()) return;
    std::string message(name);
    for (const std::string& one : problems_) message += (&one == &problems_.front() ? ": " : "; ") + one;
    const bool advised = message.find("; export ") != std::string::npos;
    throw BundleError(
        Problem("bad-tokenizer", std::string(name), message + (advised ? "" : "; export the bundle again")));
  }

 private:
  std::vector<std::string> problems_;
};

NormalizerSettings normalizer(FileReader& reader, const Value& part) {
  NormalizerSettings settings;
  if (part.is_null() || !reader.expect("normalizer", part, "BertNormalizer")) return settings;
  settings.clean_text = reader.boolean(part, "normalizer", "clean_text");
  settings.handle_chinese_chars = reader.boolean(part, "normalizer", "handle_chinese_chars");
  settings.lowercase = reader.boolean(part, "normalizer", "lowercase");
  const bool follows = member(part, "strip_accents").is_null();
  settings.strip_accents = follows ? settings.lowercase : reader.boolean(part, "normalizer", "strip_accents");
  return settings;
}

std::vector<AddedToken> added_tokens(FileReader& reader, const Value& list) {
  std::vector<AddedToken> tokens;
  if (!list.is_array()) return reader.problem("added_tokens is " + shown(list) + ", expected a list"), tokens;
  if (list.size() > kMostAddedTokens) {
    reader.problem("added_tokens has " + std::to_string(list.size()) + " tokens, expected at most " +
                   std::to_string(kMostAddedTokens));
    return tokens;
  }
  for (const Value& record : list) {
    const std::string where = "added_tokens[" + std::to_string(tokens.size()) + "]";
    tokens.push_back({reader.id(member(record, "id"), where + ".id"), reader.text(record, where, "content"),
                      reader.boolean(record, where, "single_word"), reader.boolean(record, where, "lstrip"),
                      reader.boolean(record, where, "rstrip"), reader.boolean(record, where, "normalized"),
                      reader.boolean(record, where, "special")});
  }
  return tokens;
}

void model(FileReader& reader, const Value& part, TokenizerFile& file) {
  const Value& type = member(part, "type");
  if (type != "WordPiece") {
    const std::string got = type.is_string() ? type.get<std::string>() : type.is_null() ? "None" : shown(type);
    return reader.problem("the tokenizer's model is " + got + ", expected WordPiece; export a BERT checkpoint");
  }
  file.unknown_token = reader.text(part, "model", "unk_token");
  file.continuing_prefix = reader.text(part, "model", "continuing_subword_prefix");
  file.max_input_chars_per_word = reader.number(part, "model", "max_input_chars_per_word", kLongestWord);
  const Value& vocabulary = member(part, "vocab");
  if (!vocabulary.is_object()) return reader.wrong("model", "vocab", vocabulary, "tokens with their ids");
  file.vocabulary.reserve(vocabulary.size());
  for (const auto& [token, id] : vocabulary.items()) {
    file.vocabulary.push_back({token, reader.id(id, "model.vocab[" + shown(token) + "]")});
  }
}

/// One element of TemplateProcessing: a special token of `known`, or a text.
TemplateElement element(FileReader& reader, const Value& record, const Value& known) {
  const Value& special = member(record, "SpecialToken");
  const Value& text = member(special.is_null() ? record : kNull, "Sequence");
  const Value& part = special.is_null() ? text : special;
  const std::string name = reader.text(part, "post_processor", "id");
  TemplateElement made{-1, reader.id(member(part, "type_id"), "post_processor's type_id"), {}};
  if (special.is_null()) {
    if (name != "A" && name != "B") reader.problem("post_processor has the sequence " + name + ", expected A or B");
    made.text = name == "B" ? 1 : 0;
    return made;
  }
  const Value& ids = member(member(known, name.c_str()), "ids");
  if (!ids.is_array() || ids.size() > kMostTemplateTokens) {
    reader.problem("post_processor.special_tokens has no ids for '" + name + "', expected a list of ids");
    return made;
  }
  for (const Value& id : ids) made.ids.push_back(reader.id(id, "post_processor's id of '" + name + "'"));
  return made;
}

std::vector<TemplateElement> elements(FileReader& reader, const Value& part, const char* key) {
  std::vector<TemplateElement> made;
  const Value& list = member(part, key);
  if (!list.is_array()) reader.wrong("post_processor", key, list, "a list");
  std::size_t tokens = 0;
  for (const Value& record : list.is_array() ? list : Value::array()) {
    made.push_back(element(reader, record, member(part, "special_tokens")));
    tokens += 1 + made.back().ids.size();
    if (tokens <= kMostTemplateTokens) continue;
    reader.problem(std::string("post_processor.") + key + " adds too many tokens, expected a few");
    break;
  }
  return made;
}

/// BertProcessing's [token, id].
TemplateElement special(FileReader& reader, const Value& part, const char* key, std::int64_t type_id) {
  const Value& pair = member(part, key);
  const bool right = pair.is_array() && pair.size() == 2 && pair[0].is_string();
  if (!right) reader.wrong("post_processor", key, pair, "a token and its id");
  return {-1, type_id, {right ? reader.id(pair[1], std::string("post_processor.") + key) : 0}};
}

PostProcessor post_processor(FileReader& reader, const Value& part) {
  const TemplateElement first{0, 0, {}}, second{1, 1, {}};
  if (part.is_null()) return {{first}, {first, second}};
  if (kind(part) == "BertProcessing") {
    const TemplateElement cls = special(reader, part, "cls", 0), sep = special(reader, part, "sep", 0);
    return {{cls, first, sep}, {cls, first, sep, second, {-1, 1, sep.ids}}};
  }
  if (kind(part) == "TemplateProcessing") return {elements(reader, part, "single"), elements(reader, part, "pair")};
  reader.problem("the tokenizer's post-processor is " + kind(part) +
                 ", not BERT's [CLS] A [SEP] B [SEP]; export a BERT checkpoint");
  return {};
}

void decoder(FileReader& reader, const Value& part, TokenizerFile& file) {
  if (part.is_null() || !reader.expect("decoder", part, "WordPiece")) return;
  file.has_decoder = true;
  file.decoder_prefix = reader.text(part, "decoder", "prefix");
  file.cleanup = reader.boolean(part, "decoder", "cleanup");
}

}  // namespace

TokenizerFile read_tokenizer_file(std::string_view content, std::string_view name) {
  const Value root = strict_loads(content, name);
  FileReader reader;
  TokenizerFile file;
  if (!root.is_object()) reader.problem("is " + shown(root) + ", expected a tokenizer.json");
  const Value& version = root.is_object() && root.contains("version") ? root["version"] : Value("1.0");
  if (version != "1.0") reader.problem("the tokenizer's version is " + shown(version) + ", expected 1.0");
  model(reader, member(root, "model"), file);
  file.normalizer = normalizer(reader, member(root, "normalizer"));
  reader.expect("pre_tokenizer", member(root, "pre_tokenizer"), "BertPreTokenizer");
  file.post_processor = post_processor(reader, member(root, "post_processor"));
  decoder(reader, member(root, "decoder"), file);
  if (root.is_object() && root.contains("added_tokens")) file.added_tokens = added_tokens(reader, root["added_tokens"]);
  reader.raise(name);
  return file;
}

}  // namespace bert_runtime
