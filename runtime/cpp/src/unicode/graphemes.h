// Extended grapheme clusters, as the tokenizers library finds them (Unicode Standard Annex 29).
#pragma once

#include <cstddef>
#include <string_view>

namespace bert_runtime::unicode {

/// The end of the grapheme that begins at byte `at` of `text`, valid UTF-8.
std::size_t grapheme_end(std::string_view text, std::size_t at);

}  // namespace bert_runtime::unicode
