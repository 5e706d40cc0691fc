#include "unicode/graphemes.h"

#include "unicode.h"
#include "unicode/classes.h"

namespace bert_runtime::unicode {
namespace {

constexpr char32_t kZwj = 0x200D, kFirstRegional = 0x1F1E6, kLastRegional = 0x1F1FF;
constexpr std::uint32_t kHangulSyllable = kHangulL | kHangulV | kHangulT | kHangulLV | kHangulLVT;

bool is_regional(char32_t code) { return kFirstRegional <= code && code <= kLastRegional; }

/// Rules GB6 to GB8.
bool syllable_goes_on(std::uint32_t before, std::uint32_t next) {
  if (before & kHangulL) return (next & (kHangulL | kHangulV | kHangulLV | kHangulLVT)) != 0;
  if (before & (kHangulV | kHangulLV)) return (next & (kHangulV | kHangulT)) != 0;
  return (before & (kHangulT | kHangulLVT)) != 0 && (next & kHangulT) != 0;
}

/// What was read of one grapheme.
class Grapheme {
 public:
  explicit Grapheme(char32_t first) { read(first, classes(first)); }

  /// Whether `next` belongs to it; reads it if so.
  bool takes(char32_t next) {
    if (code_ == U'\r' && next == U'\n') return read(next, kControl), true;
    const std::uint32_t found = classes(next);
    if ((classes_ | found) & kControl) return false;
    const bool joins = next == kZwj || (found & (kExtends | kSpacing)) || (classes_ & kPrepends) ||
                       ((classes_ & kHangulSyllable) && syllable_goes_on(classes_, found)) || goes_on(next, found);
    if (joins) read(next, found);
    return joins;
  }

 private:
  /// Rules GB9c, GB11 and GB12.
  [[nodiscard]] bool goes_on(char32_t next, std::uint32_t found) const {
    if (is_linked_ && (found & kConsonant)) return true;
    if (is_picture_ && code_ == kZwj && (found & kPictograph)) return true;
    return is_half_flag_ && is_regional(next);
  }

  void read(char32_t code, std::uint32_t found) {
    is_half_flag_ = is_regional(code) && !is_half_flag_;
    is_picture_ = (found & kPictograph) || (is_picture_ && code_ != kZwj && (code == kZwj || (found & kExtends)));
    if (found & kConsonant) {
      is_consonant_ = true;
      is_linked_ = false;
    } else if (is_consonant_ && (found & kLinker)) {
      is_linked_ = true;
    } else if (!(found & kConjunct)) {
      is_consonant_ = is_linked_ = false;
    }
    code_ = code;
    classes_ = found;
  }

  char32_t code_ = 0;
  std::uint32_t classes_ = 0;
  bool is_half_flag_ = false;  ///< Ends with an odd number of regional indicators.
  bool is_picture_ = false;    ///< Ends with a pictograph, what extends it, and perhaps a joiner.
  bool is_consonant_ = false;  ///< Ends with a consonant and what may stand behind it.
  bool is_linked_ = false;     ///< The same, with a linker.
};

}  // namespace

std::size_t grapheme_end(std::string_view text, std::size_t at) {
  Decoded next = decode(text, at);
  Grapheme grapheme(next.code);
  for (at += next.length; at < text.size(); at += next.length) {
    next = decode(text, at);
    if (!grapheme.takes(next.code)) break;
  }
  return at;
}

}  // namespace bert_runtime::unicode
