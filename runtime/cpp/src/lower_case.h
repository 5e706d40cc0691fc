// A text in lower case, and the pieces of it at their places in the original.
#pragma once

#include <string_view>

#include "bert_runtime/tokenizer.h"
#include "normalized.h"

namespace bert_runtime {

/// `text`, valid UTF-8, by Unicode's full mapping with its rule for the final sigma, as Python's `str.lower` does.
[[nodiscard]] Normalized lower_case(std::string_view text);

/// The word pieces of the lower-cased text, with the places of what they were made of. A piece that has a part of a
/// character has all of it. Throws InputError as Tokenizer::encode does.
[[nodiscard]] Pieces lower_case_pieces(const Tokenizer& tokenizer, std::string_view text);

/// Throws InputError when `text` is not UTF-8, or longer than 2 GiB.
void require_readable(std::string_view text);

}  // namespace bert_runtime
