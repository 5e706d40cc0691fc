#include "nearest.h"

#include <string_view>

#include "in_json.h"
#include "texts.h"

namespace bert_runtime::cli {
namespace {

/// The similarity below which difflib's get_close_matches has no word for near.
constexpr double kNear = 0.6;

/// Characters in common by Ratcliff and Obershelp: the longest common run, then those to both sides of it.
std::size_t matching(std::string_view left, std::string_view right) {
  std::size_t longest = 0;
  std::size_t from_left = 0;
  std::size_t from_right = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    for (std::size_t j = 0; j < right.size(); ++j) {
      std::size_t length = 0;
      while (i + length < left.size() && j + length < right.size() && left[i + length] == right[j + length]) ++length;
      if (length <= longest) continue;
      longest = length;
      from_left = i;
      from_right = j;
    }
  }
  if (longest == 0) return 0;
  return longest + matching(left.substr(0, from_left), right.substr(0, from_right)) +
         matching(left.substr(from_left + longest), right.substr(from_right + longest));
}

double similarity(std::string_view left, std::string_view right) {
  const std::size_t size = left.size() + right.size();
  return size == 0 ? 1 : 2.0 * static_cast<double>(matching(left, right)) / static_cast<double>(size);
}

}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  constexpr std::size_t kLongest = 100;  // a longer word is no slip of the hand
  if (word.size() > kLongest) return "";
  double best = kNear;
  std::string close;
  for (const std::string& candidate : known) {
    const double near = similarity(candidate, word);
    if (near < best || (near == best && candidate <= close)) continue;
    best = near;
    close = candidate;
  }
  return close.empty() ? "" : " (did you mean " + close + "?)";
}

std::string not_one_of(const std::string& word, const std::vector<std::string>& known) {
  return "got " + in_json(word) + ", expected one of " + joined(known) + nearest(word, known);
}

}  // namespace bert_runtime::cli
