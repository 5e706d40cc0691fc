#include "pre_tokenizers/pre_tokenizer.h"

namespace bert_runtime {

void Words::start(const Normalized& text, Range part) {
  text_ = &text;
  parts_.clear();
  if (part.begin < part.end) parts_.push_back(part);
}

void PreTokenizerSequence::cut(Words& words) const {
  for (const auto& part : parts_) part->cut(words);
}

}  // namespace bert_runtime
