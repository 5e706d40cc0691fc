#include "normalized.h"

#include "bert_runtime/errors.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

/// Reads a text code point by code point.
class OldText {
 public:
  explicit OldText(const Normalized& text) : text_(text) {}

  void skip(std::size_t count) {
    for (; count > 0 && at_ < text_.size(); --count) at_ += unicode::decode(text_.text, at_).length;
  }

  /// The place of what stands here.
  [[nodiscard]] Place here() const {
    if (at_ < text_.size()) return text_.place(at_);
    throw InputError(
        Problem("bad-text", "text",
                "the tokenizer fails on the text: its normalizer replaces more than there is; change the text"));
  }

  /// The place of what was passed last.
  [[nodiscard]] Place before() const {
    if (at_ > 0) return text_.place(at_ - 1);
    const std::uint32_t origin = text_.empty() ? 0 : text_.begin.front();
    return {origin, origin};
  }

 private:
  const Normalized& text_;
  std::size_t at_ = 0;
};

}  // namespace

void Normalized::clear() {
  text.clear();
  begin.clear();
  end.clear();
}

void Normalized::reserve(std::size_t bytes) {
  text.reserve(bytes);
  begin.reserve(bytes);
  end.reserve(bytes);
}

void Normalized::assign(std::string_view original, std::size_t from, std::size_t to) {
  text.assign(original.substr(from, to - from));
  begin.resize(to - from);
  end.resize(to - from);
  for (std::size_t at = from; at < to;) {
    const std::size_t length = unicode::length(original[at]);
    for (std::size_t i = 0; i < length; ++i) {
      begin[at - from + i] = static_cast<std::uint32_t>(at);
      end[at - from + i] = static_cast<std::uint32_t>(at + length);
    }
    at += length;
  }
}

void Normalized::append(char32_t code, Place place) {
  unicode::append(text, code);
  begin.resize(text.size(), place.begin);
  end.resize(text.size(), place.end);
}

void Normalized::append(std::string_view bytes, Place place) {
  text.append(bytes);
  begin.resize(text.size(), place.begin);
  end.resize(text.size(), place.end);
}

void Normalized::append(const Normalized& other, Range range) {
  const auto from = static_cast<std::ptrdiff_t>(range.begin), to = static_cast<std::ptrdiff_t>(range.end);
  text.append(other.part(range));
  begin.insert(begin.end(), other.begin.begin() + from, other.begin.begin() + to);
  end.insert(end.end(), other.end.begin() + from, other.end.begin() + to);
}

void transform(const Normalized& text, std::span<const Change> changes, std::size_t removed, Normalized& out) {
  out.clear();
  out.reserve(text.size());
  OldText old(text);
  old.skip(removed);
  for (const Change& one : changes) {
    if (one.change > 0) {
      out.append(one.code, old.before());
      continue;
    }
    out.append(one.code, old.here());
    old.skip(1 + static_cast<std::size_t>(-one.change));
  }
}

}  // namespace bert_runtime
