#include "normalizers/replace.h"

#include <algorithm>
#include <utility>

#include "unicode.h"

namespace bert_runtime {

std::unique_ptr<Replace> Replace::runs_of_spaces(std::string content) {
  auto made = std::make_unique<Replace>("  ", std::move(content));
  made->runs_ = true;
  return made;
}

bool Replace::next(std::string_view text, std::size_t from, Range& found) const {
  found.begin = text.find(pattern_, from);
  if (found.begin == std::string_view::npos) return false;
  found.end = found.begin + pattern_.size();
  if (runs_) found.end = std::min(text.find_first_not_of(' ', found.end), text.size());
  return true;
}

void Replace::apply(Normalized& text, Normalized& spare) const {
  Range found{};
  if (!next(text.text, 0, found)) return;
  spare.clear();
  spare.reserve(text.size());
  std::size_t done = 0;
  do {
    spare.append(text, {done, found.begin});
    spare.append(content_, text.place(found.end - 1));
    done = found.end;
  } while (next(text.text, done, found));
  spare.append(text, {done, text.size()});
  std::swap(text, spare);
}

}  // namespace bert_runtime
