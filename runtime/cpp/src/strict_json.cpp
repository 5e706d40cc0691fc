#include "strict_json.h"

#include <algorithm>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/utf8.h"
#include "json_text.h"
#include "format_limits.h"
#include "python_repr.h"

namespace bert_runtime {
namespace {

const std::string kTooDeep =
    "is nested too deep, expected at most " + std::to_string(kMaxDepth) + " levels; export the bundle again";

/// What no two parsers would agree on is refused; messages lack the file's name.
JsonLimits limits() {
  const auto refuse = [](std::string_view text) {
    throw BundleError("holds the number " + cut(text, 40) + ", expected finite numbers only");
  };
  return {
      .constant = refuse,
      .overflow = refuse,
      .integer =
          [](std::string_view text) {
            if (text.size() <= kMaxDigits) return;
            throw BundleError("holds the number " + cut(text, 40) +
                              "..., expected finite numbers only, integers of 64 bits");
          },
      .repeated =
          [](const std::string& key) {
            throw BundleError("the key " + cut(repr(key)) + " is repeated in one object, expected each key once");
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
      throw BundleError(name + ": holds a lone surrogate in " + cut(repr(*broken->text)) +
                        ", expected text that UTF-8 can write");
    }
    depth += std::ranges::any_of(level, nests);
    if (depth > kMaxDepth) throw BundleError(name + ": " + kTooDeep);
  }
}

}  // namespace

nlohmann::json strict_loads(std::string_view content, std::string_view file) {
  const std::string name(file);
  if (const std::size_t broken = first_broken_utf8(content); broken < content.size()) {
    throw BundleError(name + ": is no UTF-8 at byte " + std::to_string(broken) + "; export the bundle again");
  }
  nlohmann::json value;
  try {
    value = parse_json<nlohmann::json>(content, limits());
  } catch (const JsonDepthError&) {
    throw BundleError(name + ": " + kTooDeep);
  } catch (const JsonSyntaxError& error) {
    throw BundleError(name + ": is no JSON: " + error.what() + "; export the bundle again");
  } catch (const BundleError& error) {
    throw BundleError(name + ": " + error.what());
  }
  check(value, name);
  return value;
}

}  // namespace bert_runtime
