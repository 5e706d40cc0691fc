// The regular expression that GPT-2 cuts texts with, and byte-level tokenizers since.
#pragma once

#include <cstddef>
#include <string_view>

namespace bert_runtime {

/// As tokenizer.json writes it.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// The end of the match that begins at byte `at` of `text`, valid UTF-8: there is always one.
std::size_t gpt2_match(std::string_view text, std::size_t at);

}  // namespace bert_runtime
