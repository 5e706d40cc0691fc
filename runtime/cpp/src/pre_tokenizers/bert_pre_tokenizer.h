// BertPreTokenizer: words are what spaces separate, and each punctuation by itself.
#pragma once

#include "pre_tokenizers/pre_tokenizer.h"

namespace bert_runtime {

class BertPreTokenizer : public PreTokenizer {
 public:
  void cut(Words& words) const override;
};

}  // namespace bert_runtime
