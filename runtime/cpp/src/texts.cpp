#include "texts.h"

#include <algorithm>

namespace bert_runtime {

std::string told(const Problems& problems, std::string_view separator) {
  std::vector<std::string> sentences;
  for (const Problem& problem : problems) sentences.push_back(problem.message);
  return joined(sentences, separator);
}

Problem prefixed(const std::string& start, const Problem& problem) {
  return {problem.code, problem.field, start + problem.message};
}

Problem within(const std::string& message, const BertError& error) {
  return {error.problems().front().code, error.problems().front().field, message};
}

void raise_bundle_problems(const Problems& problems, const std::string& name) {
  constexpr std::size_t kShown = 20;
  if (problems.empty()) return;
  const std::size_t count = std::min(problems.size(), kShown);
  Problems shown(problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(count));
  if (problems.size() > kShown)
    shown.emplace_back("and " + std::to_string(problems.size() - kShown) + " more problems");
  throw BundleError(name + ": " + told(shown) + "; copy or export the bundle again", problems);
}

}  // namespace bert_runtime
