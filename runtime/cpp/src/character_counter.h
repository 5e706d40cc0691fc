// Places in a text, in characters.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "bert_runtime/utf8.h"

namespace bert_runtime {

/// Gives character positions for byte positions of one text, valid UTF-8; quickest when it is asked in their order.
class CharacterCounter {
 public:
  explicit CharacterCounter(std::string_view text) : text_(text), ascii_(std::ranges::all_of(text, is_ascii)) {}

  std::int64_t operator()(std::size_t byte) {
    if (ascii_) return static_cast<std::int64_t>(byte);
    if (byte >= at_ + kBlock || byte + kBlock <= at_) jump(byte / kBlock);
    if (byte < at_) {
      characters_ -= count_code_points(text_.substr(byte, at_ - byte));
    } else {
      characters_ += count_code_points(text_.substr(at_, byte - at_));
    }
    at_ = byte;
    return characters_;
  }

 private:
  static constexpr std::size_t kBlock = 256;

  static bool is_ascii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }

  /// Goes to the start of a block; the blocks before it are counted once.
  void jump(std::size_t block) {
    while (starts_.size() <= block) {
      starts_.push_back(starts_.back() + count_code_points(text_.substr((starts_.size() - 1) * kBlock, kBlock)));
    }
    at_ = block * kBlock;
    characters_ = starts_[block];
  }

  std::string_view text_;
  bool ascii_;
  std::size_t at_ = 0;
  std::int64_t characters_ = 0;
  std::vector<std::int64_t> starts_{0};  ///< Characters before each block.
};

}  // namespace bert_runtime
