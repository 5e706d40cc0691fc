// Metaspace: spaces become a visible character, and words begin with it.
#pragma once

#include <string>

#include "pre_tokenizers/pre_tokenizer.h"

namespace bert_runtime {

/// Where the character is put before a text that does not begin with it: always, at the start of a request's text, or never.
enum class PrependScheme { kAlways, kFirst, kNever };

class Metaspace : public PreTokenizer {
 public:
  /// `replacement` is one character; `split` cuts before each.
  Metaspace(std::string replacement, PrependScheme scheme, bool split)
      : replacement_(std::move(replacement)), scheme_(scheme), split_(split) {}

  void cut(Words& words) const override;

 private:
  void write(const Normalized& text, Range part, Normalized& out) const;
  void keep_words_of(Words& words, const Normalized& out, std::size_t begin) const;

  std::string replacement_;
  PrependScheme scheme_;
  bool split_;
};

}  // namespace bert_runtime
