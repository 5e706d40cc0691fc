// Pieces of error texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bert_runtime/errors.h"

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

/// The sentences of all problems.
[[nodiscard]] std::string told(const Problems& problems, std::string_view separator = "; ");

/// The same problem, told after some words that say where it belongs.
[[nodiscard]] Problem prefixed(const std::string& start, const Problem& problem);

/// A longer sentence around the first thing that is wrong by `error`.
[[nodiscard]] Problem within(const std::string& message, const BertError& error);

/// Throws one BundleError that tells every problem (the first 20 of a flood) of the file `name`; does nothing when
/// there is none.
void raise_bundle_problems(const Problems& problems, const std::string& name);

}  // namespace bert_runtime
