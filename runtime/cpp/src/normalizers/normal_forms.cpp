#include "normalizers/normal_forms.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "unicode.h"
#include "unicode/classes.h"

namespace bert_runtime {
namespace {

using Changes = std::vector<Change>;

/// A decomposed code point that may change its place.
struct DecomposedPart {
  int combining_class;
  Change change;
};

/// Decompositions in canonical order. The change of a code point is 1 when it is not the first of a decomposition: the
/// tokenizers library's places depend on it.
Changes decomposed(std::string_view text, bool compatible) {
  Changes out;
  std::vector<DecomposedPart> waiting;
  const auto flush = [&] {
    std::ranges::stable_sort(waiting, {}, &DecomposedPart::combining_class);
    for (const DecomposedPart& part : waiting) out.push_back(part.change);
    waiting.clear();
  };
  const auto put = [&](char32_t code, bool first) {
    const int rank = unicode::combining_class(code);
    if (rank == 0) flush();
    waiting.push_back({rank, {code, first ? 0 : 1}});
  };
  for (std::size_t at = 0; at < text.size();) {
    const unicode::Decoded next = unicode::decode(text, at);
    at += next.length;
    if (compatible && (unicode::classes(next.code) & unicode::kCompatible)) {
      bool first = true;
      for (const char32_t code : unicode::compatible(next.code)) put(code, std::exchange(first, false));
    } else if (unicode::flags(next.code) & unicode::kDecomposes) {
      const unicode::Expansion parts = unicode::decomposition(next.code);
      for (int i = 0; i < parts.size; ++i) put(parts.codes[i], i == 0);
    } else {
      put(next.code, true);
    }
  }
  flush();
  return out;
}

/// Composes what `decomposed` made, with the changes of the library's crate unicode-normalization-alignments.
class Composer {
 public:
  explicit Composer(Changes& out) : out_(out) {}

  void put(Change next) {
    const int rank = unicode::combining_class(next.code);
    if (!starter_) {
      if (rank == 0) {
        starter_ = next;
      } else {
        out_.push_back(next);
      }
      return;
    }
    const bool is_blocked = last_rank_ && *last_rank_ >= rank;
    const char32_t both = is_blocked ? 0 : unicode::composed(starter_->code, next.code);
    if (both != 0) {
      starter_ = Change{both, starter_->change + next.change - 1};
      return;
    }
    if (rank > 0) {
      behind_.push_back(next);
      last_rank_ = rank;
      return;
    }
    finish();
    starter_ = next;
  }

  void finish() {
    if (starter_) out_.push_back(*starter_);
    out_.insert(out_.end(), behind_.begin(), behind_.end());
    starter_.reset();
    behind_.clear();
    last_rank_.reset();
  }

 private:
  Changes& out_;
  std::optional<Change> starter_;
  Changes behind_;
  std::optional<int> last_rank_;
};

Changes recomposed(const Changes& parts) {
  Changes out;
  out.reserve(parts.size());
  Composer composer(out);
  for (const Change& part : parts) composer.put(part);
  composer.finish();
  return out;
}

}  // namespace

bool NormalForm::changes(std::string_view text) const {
  const std::uint32_t classes = (composes_ ? unicode::kComposes : 0U) | (compatible_ ? unicode::kCompatible : 0U);
  const int flags = composes_ ? unicode::kCombines : unicode::kCombines | unicode::kDecomposes;
  for (std::size_t at = 0; at < text.size();) {
    const unicode::Decoded next = unicode::decode(text, at);
    at += next.length;
    if (next.code < 0x80) continue;
    if ((unicode::classes(next.code) & classes) || (unicode::flags(next.code) & flags)) return true;
  }
  return false;
}

void NormalForm::apply(Normalized& text, Normalized& spare) const {
  if (!changes(text.text)) return;
  const Changes parts = decomposed(text.text, compatible_);
  transform(text, composes_ ? recomposed(parts) : parts, 0, spare);
  std::swap(text, spare);
}

}  // namespace bert_runtime
