// UTF-8 text: what breaks it, and how to cut it by characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bert_runtime/export.h"

namespace bert_runtime {

/// A half-open range of positions, [begin, end): characters, bytes or pieces, as its holder says.
struct Span {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  [[nodiscard]] std::int64_t size() const { return end - begin; }
  friend bool operator==(const Span&, const Span&) = default;
};

/// The first byte of `text` that begins no well-formed sequence of UTF-8, or its size. Safe in threads.
[[nodiscard]] BERT_RUNTIME_API std::size_t first_broken_utf8(std::string_view text);

/// What keeps `text` from being UTF-8, as a sentence about `name`, or nothing: the same sentence as the Python runtime's
/// for a lone surrogate (encoded in three bytes here), and the byte's position for anything else.
/// Reads `text` only during the call. Safe in threads. Throws nothing but std::bad_alloc.
[[nodiscard]] BERT_RUNTIME_API std::optional<std::string> utf8_problem(std::string_view name, std::string_view text);

/// How many code points valid UTF-8 holds. Safe in threads.
[[nodiscard]] BERT_RUNTIME_API std::int64_t count_code_points(std::string_view text);

/// The part of `text` (valid UTF-8) between two of its code points. The view points into `text` and lives as long as
/// its bytes do. A range that leaves the text is cut at its ends. Safe in threads.
[[nodiscard]] BERT_RUNTIME_API std::string_view code_points(std::string_view text, Span characters);

}  // namespace bert_runtime
