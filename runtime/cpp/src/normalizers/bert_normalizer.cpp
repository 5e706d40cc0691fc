#include "normalizers/bert_normalizer.h"

#include <algorithm>
#include <utility>

#include "unicode.h"

namespace bert_runtime {
namespace {

using namespace unicode;

/// A combining code point that waits for its place in canonical order.
struct Waiting {
  char32_t code;
  int combining_class;
  bool added;  ///< Not the first code point of a decomposition: it has no place of its own.
};

/// Writes a normalised text, code point by code point.
///
/// Places follow the tokenizers library: its NFD sorts code points, but hands out the places of the source's code points
/// in the order in which they stood. A combining code point so gets the place of whichever stood where it comes to
/// stand, and one that a decomposition added gets the place of the code point before it.
class Writer {
 public:
  Writer(const BertSettings& settings, Normalized& out) : settings_(settings), out_(out) {}

  void ascii(unsigned char byte, Place place) {
    if (settings_.clean_text) {
      if (byte < ' ' || byte == 0x7F) {
        if (byte != '\t' && byte != '\n' && byte != '\r') return;
        byte = ' ';
      }
    }
    flush();
    last_ = place;
    if (settings_.lowercase && byte >= 'A' && byte <= 'Z') byte = static_cast<unsigned char>(byte + ('a' - 'A'));
    out_.text.push_back(static_cast<char>(byte));
    out_.begin.push_back(place.begin);
    out_.end.push_back(place.end);
  }

  void code(char32_t code, Place place) {
    const std::uint16_t properties = flags(code);
    if (settings_.clean_text && (properties & kDropped)) return;
    if (settings_.clean_text && (properties & kSpace)) return compose(' ', 0, place);
    if (!settings_.handle_chinese_chars || !(properties & kChinese)) return compose(code, properties, place);
    compose(' ', 0, place);
    compose(code, properties, place);
    compose(' ', 0, place);
  }

  /// Writes what waits; at the end of the text and before whatever combines with nothing.
  void flush() {
    if (waiting_.empty()) return;
    const auto earlier = [](const Waiting& a, const Waiting& b) { return a.combining_class < b.combining_class; };
    if (!std::is_sorted(waiting_.begin(), waiting_.end(), earlier)) {
      std::stable_sort(waiting_.begin(), waiting_.end(), earlier);
    }
    std::size_t next = 0;
    for (const Waiting& one : waiting_) {
      if (!one.added) last_ = places_[next++];
      finish(one.code, flags(one.code), last_);
    }
    waiting_.clear();
    places_.clear();
  }

 private:
  /// NFD, when accents are stripped.
  void compose(char32_t code, std::uint16_t properties, Place place) {
    if (!settings_.strip_accents) return lower(code, properties, place);
    if (!(properties & (kDecomposes | kCombines))) {
      flush();
      last_ = place;
      return finish(code, properties, place);
    }
    const Expansion parts = properties & kDecomposes ? decomposition(code) : Expansion{{code}, 1};
    for (int i = 0; i < parts.size; ++i) order(parts.codes[i], i > 0, place);
  }

  /// Canonical order: a code point that combines waits until all that it could change places with are known.
  void order(char32_t code, bool added, Place place) {
    const std::uint16_t properties = flags(code);
    const int rank = properties & kCombines ? combining_class(code) : 0;
    if (rank > 0) {
      waiting_.push_back({code, rank, added});
      if (!added) places_.push_back(place);
      return;
    }
    flush();
    if (!added) last_ = place;
    finish(code, properties, last_);
  }

  /// A code point of the NFD: marks go.
  void finish(char32_t code, std::uint16_t properties, Place place) {
    if (!(properties & kMark)) lower(code, properties, place);
  }

  void lower(char32_t code, std::uint16_t properties, Place place) {
    if (settings_.lowercase && code >= 'A' && code <= 'Z') return put(code + ('a' - 'A'), place);
    if (!settings_.lowercase || !(properties & kLowers)) return put(code, place);
    const Expansion parts = lowercase(code);
    for (int i = 0; i < parts.size; ++i) put(parts.codes[i], place);
  }

  void put(char32_t code, Place place) { out_.append(code, place); }

  const BertSettings& settings_;
  Normalized& out_;
  Place last_{0, 0};
  std::vector<Waiting> waiting_;
  std::vector<Place> places_;
};

/// Writes bytes [from, to) of `text`; `place` says where a code point stands that begins at a byte and has a length.
template <class PlaceOf>
void write(const BertSettings& settings, std::string_view text, Range part, Normalized& out, PlaceOf place) {
  out.clear();
  out.reserve(part.end - part.begin);
  Writer writer(settings, out);
  for (std::size_t at = part.begin; at < part.end;) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) {
      writer.ascii(byte, place(at, 1));
      ++at;
      continue;
    }
    const Decoded decoded = decode(text, at);
    writer.code(decoded.code, place(at, decoded.length));
    at += decoded.length;
  }
  writer.flush();
}

}  // namespace

void BertNormalizer::apply(Normalized& text, Normalized& spare) const {
  write(settings_, text.text, {0, text.size()}, spare, [&](std::size_t at, std::size_t) { return text.place(at); });
  std::swap(text, spare);
}

void BertNormalizer::read(std::string_view original, std::size_t from, std::size_t to, Normalized& text,
                          Normalized& /*spare*/) const {
  write(settings_, original, {from, to}, text, [](std::size_t at, std::size_t length) {
    return Place{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + length)};
  });
}

}  // namespace bert_runtime
