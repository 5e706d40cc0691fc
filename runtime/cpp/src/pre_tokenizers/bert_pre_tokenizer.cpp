#include "pre_tokenizers/bert_pre_tokenizer.h"

#include <string_view>

#include "unicode.h"

namespace bert_runtime {
namespace {

bool is_ascii_word(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
}

/// Moves [begin, end) of `text` to the next word behind `end`. False at the end of the text.
bool next_word(std::string_view text, std::size_t& begin, std::size_t& end) {
  bool inside = false;
  for (std::size_t at = end; at < text.size();) {
    if (is_ascii_word(text[at])) {
      if (!inside) begin = at;
      inside = true;
      ++at;
      continue;
    }
    const unicode::Decoded decoded = unicode::decode(text, at);
    const std::uint16_t properties = unicode::flags(decoded.code);
    const bool ends = (properties & (unicode::kSpace | unicode::kPunctuation)) != 0;
    if (inside && ends) {
      end = at;
      return true;
    }
    if (!inside && !(properties & unicode::kSpace)) {
      begin = at;
      inside = true;
    }
    at += decoded.length;
    if (properties & unicode::kPunctuation) {
      end = at;
      return true;
    }
  }
  end = text.size();
  return inside;
}

}  // namespace

void BertPreTokenizer::cut(Words& words) const {
  words.cut_each([&](Range part) {
    const std::string_view text = std::string_view(words.text().text).substr(0, part.end);
    for (std::size_t begin = part.begin, end = part.begin; next_word(text, begin, end);) words.keep({begin, end});
  });
}

}  // namespace bert_runtime
