#include "pre_tokenizers/metaspace.h"

#include <algorithm>

namespace bert_runtime {

void Metaspace::write(const Normalized& text, Range part, Normalized& out) const {
  const std::string_view rest = text.part(part);
  const bool has_one = rest.starts_with(' ') || rest.starts_with(replacement_);
  const Place first = text.place(part.begin);
  if (!has_one && (scheme_ == PrependScheme::kAlways || (scheme_ == PrependScheme::kFirst && first.begin == 0))) {
    out.append(replacement_, first);
  }
  for (std::size_t at = part.begin; at < part.end;) {
    if (text.text[at] == ' ') {
      out.append(replacement_, text.place(at));
      ++at;
      continue;
    }
    const std::size_t end = std::min(text.text.find(' ', at), part.end);
    out.append(text, {at, end});
    at = end;
  }
}

void Metaspace::keep_words_of(Words& words, const Normalized& out, std::size_t begin) const {
  while (split_ && begin < out.size()) {
    const std::size_t end = std::min(out.text.find(replacement_, begin + 1), out.size());
    words.keep({begin, end});
    begin = end;
  }
  words.keep({begin, out.size()});
}

void Metaspace::cut(Words& words) const {
  const Normalized& text = words.text();
  words.rewrite([&](Range part, Normalized& out) {
    const std::size_t begin = out.size();
    write(text, part, out);
    keep_words_of(words, out, begin);
  });
}

}  // namespace bert_runtime
