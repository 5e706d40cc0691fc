#include "strict_json.h"

#include <algorithm>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/utf8.h"
#include "format_limits.h"
#include "in_json.h"
#include "json_text.h"

namespace bert_runtime {
namespace {

const std::string kTooDeep =
    "is nested too deep, expected at most " + std::to_string(kMaxDepth) + " levels; export the bundle again";

/// What no two parsers would agree on is refused; messages lack the file's name.
JsonLimits limits() {
  const auto refuse = [](std::string_view text) {
    throw BundleError(
        Problem("not-finite", "", "holds the number " + cut(text, 40) + ", expected finite numbers only"));
  };
  return {
      .constant = refuse,
      .overflow = refuse,
      .integer =
          [](std::string_view text) {
            if (text.size() <= kMaxDigits) return;
            throw BundleError(Problem(
                "not-finite", "",
                "holds the number " + cut(text, 40) + "..., expected finite numbers only, integers of 64 bits"));
          },
      .repeated =
          [](const std::string& key) {
            throw BundleError(
                Problem("repeated-key", "",
                        "the key " + cut(in_json(key)) + " is repeated in one object, expected each key once"));
          },
  };
}

/// A value, or the key of one.
struct Node {
  const nlohmann::json* value;
  const std::string* text;
};

std::vector<Node> children(const std::vector<Node>& level) {
  std::vector<Node> below;
  const auto add = [&](const nlohmann::json& value) { below.push_back({&value, value.get_ptr<const std::string*>()}); };
  for (const Node& item : level) {
    if (!item.value || !item.value->is_structured()) continue;
    if (item.value->is_object()) {
      for (const auto& entry : item.value->items()) below.push_back({nullptr, &entry.key()});
    }
    for (const nlohmann::json& value : *item.value) add(value);
  }
  return below;
}

/// Depth and surrogates, level by level; `name` is the file's.
void check(const nlohmann::json& value, const std::string& name) {
  const auto is_broken = [](const Node& item) {
    return item.text && first_broken_utf8(*item.text) < item.text->size();
  };
  const auto nests = [](const Node& item) { return item.value && item.value->is_structured(); };
  int depth = 0;
  std::vector<Node> level = {{&value, value.get_ptr<const std::string*>()}};
  for (; !level.empty(); level = children(level)) {
    if (const auto broken = std::ranges::find_if(level, is_broken); broken != level.end()) {
      throw BundleError(Problem("not-utf8", name,
                                name + ": holds a lone surrogate in " + cut(in_json(*broken->text)) +
                                    ", expected text that UTF-8 can write"));
    }
    depth += std::ranges::any_of(level, nests);
    if (depth > kMaxDepth) throw BundleError(Problem("too-deep", name, name + ": " + kTooDeep));
  }
}

}  // namespace

nlohmann::json strict_loads(std::string_view content, std::string_view file) {
  const std::string name(file);
  if (const std::size_t broken = first_broken_utf8(content); broken < content.size()) {
    throw BundleError(Problem("not-utf8", name,
                              name + ": is no UTF-8 at byte " + std::to_string(broken) + "; export the bundle again"));
  }
  nlohmann::json value;
  try {
    value = parse_json<nlohmann::json>(content, limits());
  } catch (const JsonDepthError&) {
    throw BundleError(Problem("too-deep", name, name + ": " + kTooDeep));
  } catch (const JsonSyntaxError& error) {
    throw BundleError(Problem("not-json", name, name + ": is no JSON: " + error.what() + "; export the bundle again"));
  } catch (const BundleError& error) {
    throw BundleError(Problem(error.problems().front().code, name, name + ": " + error.what()));
  }
  check(value, name);
  return value;
}

}  // namespace bert_runtime
