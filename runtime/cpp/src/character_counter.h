// Places in a text, in characters.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "bert_runtime/utf8.h"

namespace bert_runtime {

/// Gives character positions for byte positions of one text, valid UTF-8; quick when it is asked in their order.
class CharacterCounter {
 public:
  explicit CharacterCounter(std::string_view text) : text_(text), ascii_(std::ranges::all_of(text, is_ascii)) {}

  std::int64_t operator()(std::size_t byte) {
    if (ascii_) return static_cast<std::int64_t>(byte);
    if (byte < at_) {
      characters_ -= count_code_points(text_.substr(byte, at_ - byte));
    } else {
      characters_ += count_code_points(text_.substr(at_, byte - at_));
    }
    at_ = byte;
    return characters_;
  }

 private:
  static bool is_ascii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }

  std::string_view text_;
  bool ascii_;
  std::size_t at_ = 0;
  std::int64_t characters_ = 0;
};

}  // namespace bert_runtime
