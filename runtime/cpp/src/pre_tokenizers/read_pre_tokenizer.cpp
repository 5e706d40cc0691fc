#include "pre_tokenizers/read_pre_tokenizer.h"

#include "bert_runtime/utf8.h"
#include "format_limits.h"
#include "pre_tokenizers/bert_pre_tokenizer.h"
#include "pre_tokenizers/byte_level.h"
#include "pre_tokenizers/classes_cut.h"
#include "pre_tokenizers/gpt2_pattern.h"
#include "pre_tokenizers/metaspace.h"
#include "pre_tokenizers/pattern_split.h"

namespace bert_runtime {
namespace {

using Value = nlohmann::json;
using PreTokenizerPart = std::unique_ptr<PreTokenizer>;

constexpr const char* kWhere = "pre_tokenizer";
constexpr const char* kPreTokenizers =
    "BertPreTokenizer, ByteLevel, Digits, Metaspace, Punctuation, Sequence, Split, Whitespace or WhitespaceSplit";

/// Reads one pre-tokenizer after another.
class PreTokenizerReader {
 public:
  explicit PreTokenizerReader(TokenizerFields& fields) : fields_(fields) {}

  PreTokenizerPart read(const Value& part) {
    if (++count_ > kMostParts) {
      if (count_ == kMostParts + 1) {
        fields_.problem("pre_tokenizer has more than " + std::to_string(kMostParts) + " parts, expected a few");
      }
      return nullptr;
    }
    const std::string type = kind(part);
    if (type == "BertPreTokenizer") return std::make_unique<BertPreTokenizer>();
    if (type == "Whitespace") return std::make_unique<Whitespace>();
    if (type == "WhitespaceSplit") return std::make_unique<WhitespaceSplit>();
    if (type == "Digits") return std::make_unique<Digits>(fields_.boolean(part, kWhere, "individual_digits"));
    if (type == "Punctuation") return std::make_unique<Punctuation>(behavior(part));
    if (type == "ByteLevel") return byte_level(part);
    if (type == "Metaspace") return metaspace(part);
    if (type == "Split") return split(part);
    if (type == "Sequence") return sequence(part);
    fields_.unknown("pre_tokenizer", part, kPreTokenizers);
    return nullptr;
  }

 private:
  Behavior behavior(const Value& part) {
    const Value& value = member(part, "behavior");
    const auto found = behavior_of(value.is_string() ? value.get_ref<const std::string&>() : "");
    if (!found) {
      fields_.wrong(kWhere, "behavior", value, "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
    }
    return found.value_or(Behavior::kRemoved);
  }

  /// `trim_offsets` counts in a post-processor alone.
  PreTokenizerPart byte_level(const Value& part) {
    const bool adds = fields_.boolean(part, kWhere, "add_prefix_space");
    fields_.boolean(part, kWhere, "trim_offsets");
    return std::make_unique<ByteLevel>(adds, fields_.boolean(part, kWhere, "use_regex", true));
  }

  PreTokenizerPart metaspace(const Value& part) {
    const std::string replacement = fields_.text(part, kWhere, "replacement", 4);
    if (count_code_points(replacement) != 1) {
      fields_.wrong(kWhere, "replacement", member(part, "replacement"), "one character");
    }
    const PrependScheme scheme = prepend_scheme(part);
    if (!fields_.boolean(part, kWhere, "add_prefix_space", true) && scheme != PrependScheme::kNever) {
      fields_.problem("pre_tokenizer.add_prefix_space is false, expected the prepend_scheme never");
    }
    return std::make_unique<Metaspace>(replacement, scheme, fields_.boolean(part, kWhere, "split", true));
  }

  PrependScheme prepend_scheme(const Value& part) {
    const Value& value = member(part, "prepend_scheme");
    if (value.is_null() || value == "always") return PrependScheme::kAlways;
    if (value == "first") return PrependScheme::kFirst;
    if (value != "never") fields_.wrong(kWhere, "prepend_scheme", value, "always, first or never");
    return PrependScheme::kNever;
  }

  PreTokenizerPart split(const Value& part) {
    const Behavior made = behavior(part);
    const bool invert = fields_.boolean(part, kWhere, "invert");
    const Value& pattern = member(part, "pattern");
    const bool is_one = pattern.is_object() && pattern.size() == 1;
    if (is_one && member(pattern, "Regex") == kGpt2Pattern) return std::make_unique<PatternSplit>("", made, invert);
    if (!is_one || !pattern.contains("String")) {
      fields_.wrong(kWhere, "pattern", pattern, R"({"String": ...} or the regular expression of GPT-2)");
      return nullptr;
    }
    const std::string text = fields_.text(pattern, "pre_tokenizer.pattern", "String", kLongestReplacement);
    return std::make_unique<PatternSplit>(text, made, invert);
  }

  PreTokenizerPart sequence(const Value& part) {
    const Value& list = member(part, "pretokenizers");
    if (!list.is_array()) fields_.wrong(kWhere, "pretokenizers", list, "a list");
    std::vector<PreTokenizerPart> parts;
    for (const Value& one : list.is_array() ? list : Value::array()) parts.push_back(read(one));
    return std::make_unique<PreTokenizerSequence>(std::move(parts));
  }

  TokenizerFields& fields_;
  std::size_t count_ = 0;
};

}  // namespace

std::unique_ptr<PreTokenizer> read_pre_tokenizer(TokenizerFields& fields, const nlohmann::json& part, bool may_lack) {
  if (part.is_null() && may_lack) return std::make_unique<PreTokenizerSequence>();
  return PreTokenizerReader(fields).read(part);
}

}  // namespace bert_runtime
