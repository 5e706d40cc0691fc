#include "post_processors.h"

#include "format_limits.h"

namespace bert_runtime {
namespace {

using Value = nlohmann::json;

constexpr const char* kPostProcessors = "BertProcessing, ByteLevel, RobertaProcessing, Sequence or TemplateProcessing";

/// One element of TemplateProcessing: a special token of `known`, or a text.
TemplateElement element(TokenizerFields& fields, const Value& record, const Value& known) {
  const Value& special = member(record, "SpecialToken");
  const Value& part = special.is_null() ? member(record, "Sequence") : special;
  const std::string name = fields.text(part, "post_processor", "id");
  TemplateElement made{-1, fields.id(member(part, "type_id"), "post_processor's type_id"), {}};
  if (special.is_null()) {
    if (name != "A" && name != "B") fields.problem("post_processor has the sequence " + name + ", expected A or B");
    made.text = name == "B" ? 1 : 0;
    return made;
  }
  const Value& ids = member(member(known, name), "ids");
  if (!ids.is_array() || ids.size() > kMostTemplateTokens) {
    fields.problem("post_processor.special_tokens has no ids for '" + name + "', expected a list of ids");
    return made;
  }
  for (const Value& id : ids) made.ids.push_back(fields.id(id, "post_processor's id of '" + name + "'"));
  return made;
}

std::vector<TemplateElement> elements(TokenizerFields& fields, const Value& part, const char* key) {
  std::vector<TemplateElement> made;
  const Value& list = member(part, key);
  if (!list.is_array()) fields.wrong("post_processor", key, list, "a list");
  std::size_t tokens = 0;
  for (const Value& record : list.is_array() ? list : Value::array()) {
    made.push_back(element(fields, record, member(part, "special_tokens")));
    tokens += 1 + made.back().ids.size();
    if (tokens <= kMostTemplateTokens) continue;
    fields.problem(std::string("post_processor.") + key + " adds too many tokens, expected a few");
    break;
  }
  return made;
}

/// BertProcessing's [token, id].
TemplateElement special(TokenizerFields& fields, const Value& part, const char* key, std::int64_t type_id) {
  const Value& pair = member(part, key);
  const bool right = pair.is_array() && pair.size() == 2 && pair[0].is_string();
  if (!right) fields.wrong("post_processor", key, pair, "a token and its id");
  return {-1, type_id, {right ? fields.id(pair[1], std::string("post_processor.") + key) : 0}};
}

/// Whatever stands around texts: nothing.
PostProcessor texts_alone() {
  const TemplateElement first{0, 0, {}}, second{1, 1, {}};
  return {{first}, {first, second}};
}

/// Reads one post-processor after another; one of them puts tokens around texts.
class PostProcessorReader {
 public:
  explicit PostProcessorReader(TokenizerFields& fields) : fields_(fields) {}

  void read(const Value& part) {
    if (++count_ > kMostParts) {
      if (count_ == kMostParts + 1) {
        fields_.problem("post_processor has more than " + std::to_string(kMostParts) + " parts, expected a few");
      }
      return;
    }
    const std::string type = kind(part);
    if (type == "ByteLevel") return byte_level(part);
    if (type == "Sequence") return sequence(part);
    if (type == "BertProcessing") return put(bert(part));
    if (type == "RobertaProcessing") return put(roberta(part));
    if (type == "TemplateProcessing") {
      auto single = elements(fields_, part, "single");
      return put(PostProcessor{std::move(single), elements(fields_, part, "pair")});
    }
    fields_.unknown("post-processor", part, kPostProcessors);
  }

  PostProcessing made{texts_alone(), {}};

 private:
  void put(PostProcessor&& read) {
    if (has_tokens_) fields_.problem("post_processor puts tokens around texts twice, expected once");
    has_tokens_ = true;
    made.tokens = std::move(read);
  }

  void byte_level(const Value& part) {
    const bool adds = fields_.boolean(part, "post_processor", "add_prefix_space");
    fields_.boolean(part, "post_processor", "use_regex", true);
    if (fields_.boolean(part, "post_processor", "trim_offsets")) made.trims.push_back(adds);
  }

  PostProcessor bert(const Value& part) {
    const TemplateElement first{0, 0, {}}, second{1, 1, {}};
    const TemplateElement cls = special(fields_, part, "cls", 0), sep = special(fields_, part, "sep", 0);
    return {{cls, first, sep}, {cls, first, sep, second, {-1, 1, sep.ids}}};
  }

  PostProcessor roberta(const Value& part) {
    const TemplateElement first{0, 0, {}}, second{1, 0, {}};
    const TemplateElement cls = special(fields_, part, "cls", 0), sep = special(fields_, part, "sep", 0);
    const bool adds = fields_.boolean(part, "post_processor", "add_prefix_space");
    if (fields_.boolean(part, "post_processor", "trim_offsets")) made.trims.push_back(adds);
    return {{cls, first, sep}, {cls, first, sep, sep, second, sep}};
  }

  void sequence(const Value& part) {
    const Value& list = member(part, "processors");
    if (!list.is_array()) fields_.wrong("post_processor", "processors", list, "a list");
    for (const Value& one : list.is_array() ? list : Value::array()) read(one);
  }

  TokenizerFields& fields_;
  std::size_t count_ = 0;
  bool has_tokens_ = false;
};

}  // namespace

PostProcessing read_post_processor(TokenizerFields& fields, const nlohmann::json& part) {
  PostProcessorReader reader(fields);
  if (!part.is_null()) reader.read(part);
  return std::move(reader.made);
}

}  // namespace bert_runtime
