#include "texts.h"

#include <algorithm>

#include "bert_runtime/errors.h"

namespace bert_runtime {

void raise_bundle_problems(const std::vector<std::string>& problems, const std::string& name) {
  constexpr std::size_t kShown = 20;
  if (problems.empty()) return;
  const std::size_t count = std::min(problems.size(), kShown);
  std::vector<std::string> shown(problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(count));
  if (problems.size() > kShown) shown.push_back("and " + std::to_string(problems.size() - kShown) + " more problems");
  throw BundleError(name + ": " + joined(shown, "; ") + "; copy or export the bundle again");
}

}  // namespace bert_runtime
