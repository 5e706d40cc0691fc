#include "target.h"

#include <algorithm>

namespace bert_runtime {

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
#include "targets_table.inc"
  };
  return all;
}

const Target* find_target(std::string_view name) {
  const auto found = std::ranges::find(targets(), name, &Target::name);
  return found == targets().end() ? nullptr : &*found;
}

std::vector<std::string> target_names(bool runnable_only) {
  std::vector<std::string> names;
  for (const Target& target : targets()) {
    if (!runnable_only || target.is_runnable()) names.push_back(target.name);
  }
  return names;
}

}  // namespace bert_runtime
