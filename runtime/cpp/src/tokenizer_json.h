// What a tokenizer.json says, checked part by part.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "added_tokens.h"
#include "bert_runtime/tokenizer.h"
#include "normalizer.h"
#include "vocabulary.h"

namespace bert_runtime {

/// The parts of a tokenizer that can be BERT's, as the file gives them.
struct TokenizerFile {
  NormalizerSettings normalizer;
  std::vector<AddedToken> added_tokens;
  std::vector<Entry> vocabulary;
  std::string unknown_token;
  std::string continuing_prefix;
  std::uint64_t max_input_chars_per_word = 0;
  PostProcessor post_processor;
  bool has_decoder = false;  ///< Without one, tokens are joined with spaces.
  std::string decoder_prefix;
  bool cleanup = false;
};

/// Reads a tokenizer.json; `name` is the file's, for messages.
/// Throws BundleError that tells every part that is none of BERT's.
TokenizerFile read_tokenizer_file(std::string_view content, std::string_view name);

}  // namespace bert_runtime
