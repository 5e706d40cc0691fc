#include "normalizers/read_normalizer.h"

#include <algorithm>

#include "format_limits.h"
#include "normalizers/bert_normalizer.h"
#include "normalizers/characters.h"
#include "normalizers/normal_forms.h"
#include "normalizers/precompiled.h"
#include "normalizers/replace.h"

namespace bert_runtime {
namespace {

constexpr const char* kNormalizers =
    "BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, Precompiled, Prepend, Replace, Sequence, Strip or StripAccents";
constexpr std::string_view kRunsOfSpaces = " {2,}";
/// How many times longer the longest decomposition is than what it decomposes.
constexpr std::uint64_t kFormGrowth = 11;

using Value = nlohmann::json;
using NormalizerPart = std::unique_ptr<Normalizer>;

/// Reads one normalizer after another, and keeps how much longer all of them can make a text.
class NormalizerReader {
 public:
  explicit NormalizerReader(TokenizerFields& fields) : fields_(fields) {}

  NormalizerPart read(const Value& part) {
    if (++count_ > kMostParts) {
      if (count_ == kMostParts + 1) {
        fields_.problem("normalizer has more than " + std::to_string(kMostParts) + " parts, expected a few");
      }
      return nullptr;
    }
    const std::string type = kind(part);
    if (type == "BertNormalizer") return bert(part);
    if (type == "Lowercase") return std::make_unique<Lowercase>();
    if (type == "StripAccents") return std::make_unique<StripAccents>();
    if (type == "NFC" || type == "NFD") return grown(1, std::make_unique<NormalForm>(false, type == "NFC"));
    if (type == "NFKC" || type == "NFKD") {
      return grown(kFormGrowth, std::make_unique<NormalForm>(true, type == "NFKC"));
    }
    if (type == "Strip") return strip(part);
    if (type == "Prepend") {
      return std::make_unique<Prepend>(fields_.text(part, "normalizer", "prepend", kLongestReplacement));
    }
    if (type == "Replace") return replace(part);
    if (type == "Precompiled") return precompiled(part);
    if (type == "Sequence") return sequence(part);
    fields_.unknown("normalizer", part, kNormalizers);
    return nullptr;
  }

  /// Notes a text that could grow too much.
  void check_growth() {
    if (growth_ <= kMostGrowth) return;
    fields_.problem("normalizer can make a text more than " + std::to_string(kMostGrowth) +
                    " times longer, expected less");
  }

 private:
  NormalizerPart grown(std::uint64_t times, NormalizerPart part) {
    growth_ = std::min(growth_ * std::max<std::uint64_t>(times, 1), kMostGrowth + 1);
    return part;
  }

  NormalizerPart bert(const Value& part) {
    BertSettings settings;
    settings.clean_text = fields_.boolean(part, "normalizer", "clean_text");
    settings.handle_chinese_chars = fields_.boolean(part, "normalizer", "handle_chinese_chars");
    settings.lowercase = fields_.boolean(part, "normalizer", "lowercase");
    settings.strip_accents = fields_.boolean(part, "normalizer", "strip_accents", settings.lowercase);
    return std::make_unique<BertNormalizer>(settings);
  }

  NormalizerPart strip(const Value& part) {
    const bool left = fields_.boolean(part, "normalizer", "strip_left");
    return std::make_unique<Strip>(left, fields_.boolean(part, "normalizer", "strip_right"));
  }

  NormalizerPart replace(const Value& part) {
    const Value& pattern = member(part, "pattern");
    const Value& content = member(part, "content");
    const bool is_content = content.is_string() && content.get_ref<const std::string&>().size() <= kLongestReplacement;
    if (!is_content) {
      fields_.wrong("normalizer", "content", content,
                    "a string of at most " + std::to_string(kLongestReplacement) + " bytes");
      return nullptr;
    }
    const auto& text = content.get_ref<const std::string&>();
    if (pattern.is_object() && pattern.size() == 1 && member(pattern, "Regex") == kRunsOfSpaces) {
      return grown((text.size() + 1) / 2, Replace::runs_of_spaces(text));
    }
    if (!pattern.is_object() || pattern.size() != 1 || !pattern.contains("String")) {
      fields_.wrong("normalizer", "pattern", pattern, R"({"String": ...} or {"Regex": " {2,}"})");
      return nullptr;
    }
    const std::string from = fields_.text(pattern, "normalizer.pattern", "String", kLongestReplacement);
    return grown((text.size() + from.size() - 1) / from.size(), std::make_unique<Replace>(from, text));
  }

  NormalizerPart precompiled(const Value& part) {
    auto map = Charsmap::read(fields_.text(part, "normalizer", "precompiled_charsmap"), kLongestReplacement);
    if (!map) {
      fields_.problem("normalizer.precompiled_charsmap is no character map of SentencePiece, expected one in base64");
      return nullptr;
    }
    const std::size_t longest = map->longest();
    return grown(longest, std::make_unique<Precompiled>(std::move(*map)));
  }

  NormalizerPart sequence(const Value& part) {
    const Value& list = member(part, "normalizers");
    if (!list.is_array()) fields_.wrong("normalizer", "normalizers", list, "a list");
    std::vector<NormalizerPart> parts;
    for (const Value& one : list.is_array() ? list : Value::array()) parts.push_back(read(one));
    return std::make_unique<NormalizerSequence>(std::move(parts));
  }

  TokenizerFields& fields_;
  std::size_t count_ = 0;
  std::uint64_t growth_ = 1;
};

}  // namespace

std::unique_ptr<Normalizer> read_normalizer(TokenizerFields& fields, const nlohmann::json& part) {
  if (part.is_null()) return std::make_unique<NormalizerSequence>();
  NormalizerReader reader(fields);
  auto made = reader.read(part);
  reader.check_growth();
  return made;
}

}  // namespace bert_runtime
