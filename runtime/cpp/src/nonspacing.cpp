#include "nonspacing.h"

#include <algorithm>
#include <iterator>

namespace bert_runtime {
namespace {

struct Range {
  char32_t first, last;
};

constexpr Range kMarks[] = {
#include "nonspacing_table.inc"
};

}  // namespace

bool is_nonspacing_mark(char32_t code) {
  if (code < kMarks[0].first) return false;
  const auto* after = std::ranges::upper_bound(kMarks, code, {}, &Range::first);
  return code <= std::prev(after)->last;
}

}  // namespace bert_runtime
