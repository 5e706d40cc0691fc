// What a tokenizer.json says, checked part by part.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "added_tokens.h"
#include "decoders.h"
#include "models/read_model.h"
#include "normalizers/normalizer.h"
#include "post_processors.h"
#include "pre_tokenizers/pre_tokenizer.h"

namespace bert_runtime {

/// The parts of a tokenizer, as the file gives them.
struct TokenizerFile {
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  MakeModel make_model;
  PostProcessing post_processing;
  std::unique_ptr<Decoder> decoder;
  std::vector<AddedToken> added_tokens;
};

/// Reads a tokenizer.json; `name` is the file's, for messages.
/// Throws BundleError that tells every part that is none of those that are known.
TokenizerFile read_tokenizer_file(std::string_view content, std::string_view name);

}  // namespace bert_runtime
