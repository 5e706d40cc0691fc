#include "models/unigram.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

#include "unicode.h"

namespace bert_runtime {
namespace {

/// How much less than the least score an unknown character has.
constexpr double kUnknownPenalty = 10.0;

void improve(BestPath& path, double score, std::size_t start, std::uint32_t id) {
  if (path.is_reached && score <= path.score) return;
  path = {score, static_cast<std::uint32_t>(start), id, true};
}

std::string fallback_token(unsigned byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">";
}

double power_of_ten(int exponent) { return std::strtod(("1e" + std::to_string(exponent)).c_str(), nullptr); }

}  // namespace

double score_of(double number) {
  char digits[32];
  const auto [end, error] =
      std::to_chars(digits, digits + sizeof digits, std::abs(number), std::chars_format::scientific);
  const std::string text(digits, end);
  const std::size_t exponent_at = text.find('e');
  std::uint64_t significand = 0;
  auto exponent = static_cast<int>(std::strtol(text.c_str() + exponent_at + 1, nullptr, 10));
  for (std::size_t i = 0; i < exponent_at; ++i) {
    if (text[i] == '.') continue;
    significand = significand * 10 + static_cast<std::uint64_t>(text[i] - '0');
    exponent -= i > 0 ? 1 : 0;
  }
  auto value = static_cast<double>(significand);
  constexpr int kMost = 308;
  for (; exponent < -kMost && value != 0; exponent += kMost) value /= power_of_ten(kMost);
  if (value != 0) value = exponent < 0 ? value / power_of_ten(-exponent) : value * power_of_ten(exponent);
  return std::signbit(number) ? -value : value;
}

Unigram::Unigram(Vocabulary vocabulary, std::vector<double> scores, std::uint32_t unknown_id, bool byte_fallback)
    : vocabulary_(std::move(vocabulary)),
      scores_(std::move(scores)),
      unknown_id_(unknown_id),
      unknown_score_(*std::ranges::min_element(scores_) - kUnknownPenalty),
      trie_(vocabulary_.entries()) {
  if (!byte_fallback) return;
  byte_tokens_.emplace();
  for (unsigned byte = 0; byte < byte_tokens_->size(); ++byte) {
    (*byte_tokens_)[byte] = vocabulary_.id(fallback_token(byte));
  }
}

/// The best way to each place of the word, from left to right (Viterbi).
void Unigram::find_paths(std::string_view word, std::vector<BestPath>& paths) const {
  paths.assign(word.size() + 1, {});
  for (std::size_t start = 0; start < word.size();) {
    const double score = paths[start].score;
    const std::size_t length = unicode::length(word[start]);
    bool is_known = false;
    std::uint32_t node = TokenTrie::kRoot;
    for (std::size_t at = start; at < word.size();) {
      node = trie_.child(node, word[at++]);
      if (node == TokenTrie::kNone) break;
      const std::uint32_t id = trie_.token(node);
      if (id == TokenTrie::kNone) continue;
      improve(paths[at], scores_[id] + score, start, id);
      is_known |= at - start == length;
    }
    if (!is_known) improve(paths[start + length], unknown_score_ + score, start, unknown_id_);
    start += length;
  }
}

/// Neighbours that are unknown are one piece, which may be a token after all.
void Unigram::put_unknown(std::string_view text, Range piece, std::vector<TextPiece>& pieces) const {
  const std::string_view bytes = text.substr(piece.begin, piece.end - piece.begin);
  if (const auto id = vocabulary_.id(bytes)) {
    pieces.push_back({*id, piece.begin, piece.end, true});
    return;
  }
  const auto token = [&](char byte) { return (*byte_tokens_)[static_cast<unsigned char>(byte)]; };
  if (byte_tokens_ && std::ranges::all_of(bytes, [&](char byte) { return token(byte).has_value(); })) {
    for (const char byte : bytes) pieces.push_back({*token(byte), piece.begin, piece.end});
    return;
  }
  pieces.push_back({unknown_id_, piece.begin, piece.end, true});
}

/// Goes back from the end of the word; neighbours that are unknown are one piece.
void Unigram::cut(std::string_view text, Range word, ModelMemory& memory, std::vector<TextPiece>& pieces) const {
  std::vector<BestPath>& paths = memory.paths;
  std::vector<PathPiece>& found = memory.path_pieces;
  find_paths(text.substr(word.begin, word.end - word.begin), paths);
  found.clear();
  for (std::size_t end = word.end - word.begin; end > 0; end = paths[end].start) {
    const auto [score, start, id, is_reached] = paths[end];
    const Range piece{word.begin + start, word.begin + end};
    if (id == unknown_id_ && !found.empty() && found.back().id == unknown_id_) {
      found.back().place.begin = piece.begin;
    } else {
      found.push_back({id, piece});
    }
  }
  for (std::size_t i = found.size(); i-- > 0;) {
    const auto& [id, place] = found[i];
    if (id == unknown_id_) {
      put_unknown(text, place, pieces);
    } else {
      pieces.push_back({id, place.begin, place.end, true});
    }
  }
}

}  // namespace bert_runtime
