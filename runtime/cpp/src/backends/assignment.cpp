#include "backends/assignment.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "bert_runtime/errors.h"
#include "format_words.h"
#include "texts.h"

namespace bert_runtime {
namespace {

constexpr std::size_t kShown = 5;

std::string text(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// The most frequent first.
std::vector<std::string> told(const std::map<std::string, int>& counts) {
  std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, std::greater<>{}, &std::pair<std::string, int>::second);
  sorted.resize(std::min(sorted.size(), kShown));
  std::vector<std::string> parts;
  for (const auto& [what, count] : sorted) parts.push_back(std::to_string(count) + " " + what);
  return parts;
}

}  // namespace

void check_assignment(std::string_view profile, const std::string& provider, const std::string& fix) {
  const nlohmann::json events = nlohmann::json::parse(profile, nullptr, false);
  std::map<std::string, int> strays;
  int own = 0;
  for (const nlohmann::json& event : events.is_array() ? events : nlohmann::json::array()) {
    if (!event.is_object() || text(event, "cat") != "Node" || !event.contains("args")) continue;
    const std::string on = text(event["args"], "provider");
    const std::string name = text(event["args"], "op_name");
    if (on.empty()) continue;
    if (on == provider) {
      ++own;
    } else if (std::ranges::find(kShapeOperators, name) == kShapeOperators.end()) {
      ++strays[name + " on " + on];
    }
  }
  if (strays.empty() && own) return;
  throw BackendError("onnxruntime put " + joined(told(strays), ", ", "nothing at all on it") +
                     ", expected the whole network on " + provider + "; " + fix);
}

}  // namespace bert_runtime
