// A text that was changed, and where each of its bytes came from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bert_runtime {

/// Where something stood in the original text, in bytes.
struct Place {
  std::uint32_t begin, end;
};

/// A part of a text, in bytes.
struct Range {
  std::size_t begin, end;
};

/// A normalised text. Byte i of `text` stems from bytes [begin[i], end[i]) of the original.
struct Normalized {
  std::string text;
  std::vector<std::uint32_t> begin, end;

  void clear();
  void reserve(std::size_t bytes);
  [[nodiscard]] std::size_t size() const { return text.size(); }
  [[nodiscard]] bool empty() const { return text.empty(); }
  [[nodiscard]] Place place(std::size_t byte) const { return {begin[byte], end[byte]}; }
  [[nodiscard]] std::string_view part(Range range) const {
    return std::string_view(text).substr(range.begin, range.end - range.begin);
  }

  /// Each code point of bytes [from, to) of `original`, valid UTF-8, at its own place.
  void assign(std::string_view original, std::size_t from, std::size_t to);

  void append(char32_t code, Place place);
  void append(std::string_view bytes, Place place);
  /// Part of another text, with its places.
  void append(const Normalized& other, Range range);
};

/// A code point of a new text. `change` is 0 when it replaces a code point of the old one, 1 when it is new, and -n when
/// it replaces one and removes the n behind that.
struct Change {
  char32_t code;
  std::int32_t change;
};

/// Writes `changes` of `text`, the first `removed` code points of which are gone, to `out`, which is emptied first.
///
/// Places follow the tokenizers library (NormalizedString::transform): a code point that replaces one takes its place, and
/// a new one takes that of the old code point before it. Throws InputError where there are fewer old code points than
/// changes replace: the library panics.
void transform(const Normalized& text, std::span<const Change> changes, std::size_t removed, Normalized& out);

}  // namespace bert_runtime
