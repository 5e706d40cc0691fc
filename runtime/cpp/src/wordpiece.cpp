#include "wordpiece.h"

#include <algorithm>

#include "bert_runtime/errors.h"
#include "bert_runtime/utf8.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

bool is_ascii_word(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
}

std::uint32_t unknown_id(const Vocabulary& vocabulary, std::string_view token) {
  const auto id = vocabulary.id(token);
  if (!id) {
    throw BundleError("the vocabulary lacks the unknown token '" + std::string(token) + "'; export the bundle again");
  }
  return *id;
}

}  // namespace

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

WordPiece::WordPiece(Vocabulary vocabulary, std::string_view unknown_token, std::uint64_t max_input_chars_per_word)
    : vocabulary_(std::move(vocabulary)),
      unknown_id_(unknown_id(vocabulary_, unknown_token)),
      max_chars_(max_input_chars_per_word) {}

void WordPiece::cut(std::string_view text, std::size_t begin, std::size_t end, WordHashes& hashes,
                    std::vector<TextPiece>& pieces) const {
  const std::string_view word = text.substr(begin, end - begin);
  if (word.size() > max_chars_ && static_cast<std::uint64_t>(count_code_points(word)) > max_chars_) {
    pieces.push_back({unknown_id_, begin, end});
    return;
  }
  hashes.read(word);
  const std::size_t before = pieces.size();
  for (std::size_t start = 0; start < word.size();) {
    const TokenTable& tokens = start == 0 ? vocabulary_.beginning() : vocabulary_.continuing();
    std::size_t stop = std::min(word.size(), start + tokens.longest());
    std::optional<std::uint32_t> id;
    for (; stop > start; --stop) {
      if ((id = tokens.find(word.substr(start, stop - start), hashes.of(start, stop)))) break;
    }
    if (!id) {
      pieces.resize(before);
      pieces.push_back({unknown_id_, begin, end});
      return;
    }
    pieces.push_back({*id, begin + start, begin + stop});
    start = stop;
  }
}

}  // namespace bert_runtime
