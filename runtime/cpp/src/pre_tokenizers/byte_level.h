// ByteLevel: each byte becomes a visible character, so that no text is unknown.
#pragma once

#include <string_view>

#include "pre_tokenizers/pre_tokenizer.h"

namespace bert_runtime {

class ByteLevel : public PreTokenizer {
 public:
  /// `add_prefix_space` puts a space before a text that has none; `use_regex` cuts with GPT-2's pattern first.
  ByteLevel(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space), use_regex_(use_regex) {}

  void cut(Words& words) const override;

 private:
  bool add_prefix_space_, use_regex_;
};

/// The bytes that such characters stand for are appended; false, and nothing, where one of them stands for none.
bool append_bytes(std::string_view characters, std::string& bytes);

}  // namespace bert_runtime
