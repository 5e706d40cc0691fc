// Pieces of error texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bert_runtime {

/// The items with `separator` between them; `none` where there are no items.
template <class Items>
[[nodiscard]] std::string joined(const Items& items, std::string_view separator = ", ", std::string_view none = "") {
  std::string text;
  bool is_first = true;
  for (const auto& item : items) {
    if (!is_first) text += separator;
    text += item;
    is_first = false;
  }
  return is_first ? std::string(none) : text;
}

/// Throws one BundleError that tells every problem (the first 20 of a flood) of the file `name`; does nothing when
/// there is none.
void raise_bundle_problems(const std::vector<std::string>& problems, const std::string& name);

}  // namespace bert_runtime
