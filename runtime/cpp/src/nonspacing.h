// Nonspacing marks: the characters that change the one before them, such as combining accents.
#pragma once

namespace bert_runtime {

/// Whether a code point's general category is Mn in Python's Unicode database; the table names its version.
[[nodiscard]] bool is_nonspacing_mark(char32_t code);

}  // namespace bert_runtime
