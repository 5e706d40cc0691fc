// BertNormalizer: the text that words are cut from, and where each of its bytes came from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bert_runtime {

/// What BertNormalizer does, in this order. `strip_accents` is already what null means: the same as `lowercase`.
struct NormalizerSettings {
  bool clean_text = false;
  bool handle_chinese_chars = false;
  bool strip_accents = false;
  bool lowercase = false;
};

/// A normalised text. Byte i of `text` stems from bytes [begin[i], end[i]) of the original.
struct Normalized {
  std::string text;
  std::vector<std::uint32_t> begin, end;

  void clear();
  void reserve(std::size_t bytes);
};

/// Normalises bytes [begin, end) of `text`, valid UTF-8, into `out`, which is emptied first.
void normalize(const NormalizerSettings& settings, std::string_view text, std::uint32_t begin, std::uint32_t end,
               Normalized& out);

}  // namespace bert_runtime
