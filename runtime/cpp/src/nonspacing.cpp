#include "nonspacing.h"

#include "unicode.h"

namespace bert_runtime {
namespace {

constexpr unicode::CodePoints kMarks[] = {
#include "nonspacing_table.inc"
};

}  // namespace

bool is_nonspacing_mark(char32_t code) { return unicode::holds(kMarks, code); }

}  // namespace bert_runtime
