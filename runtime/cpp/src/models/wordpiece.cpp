#include "models/wordpiece.h"

#include <algorithm>

#include "bert_runtime/utf8.h"

namespace bert_runtime {

WordPiece::WordPiece(Vocabulary vocabulary, std::string_view unknown_token, std::uint64_t max_input_chars_per_word)
    : vocabulary_(std::move(vocabulary)),
      unknown_id_(unknown_id(vocabulary_, unknown_token)),
      max_chars_(max_input_chars_per_word) {}

void WordPiece::cut(std::string_view text, Range place, ModelMemory& memory, std::vector<TextPiece>& pieces) const {
  const auto [begin, end] = place;
  const std::string_view word = text.substr(begin, end - begin);
  if (word.size() > max_chars_ && static_cast<std::uint64_t>(count_code_points(word)) > max_chars_) {
    pieces.push_back({unknown_id_, begin, end});
    return;
  }
  WordHashes& hashes = memory.hashes;
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
