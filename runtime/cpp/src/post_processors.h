// The post-processor of a tokenizer.json: the tokens around texts, and how offsets are trimmed.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "bert_runtime/tokenizer.h"
#include "tokenizer_fields.h"

namespace bert_runtime {

struct PostProcessing {
  PostProcessor tokens;
  /// For each time that spaces are trimmed off offsets: whether a space was put before the text, which then is not.
  std::vector<bool> trims;
};

/// Reads a post-processor, null among them; notes what is none that is known.
[[nodiscard]] PostProcessing read_post_processor(TokenizerFields& fields, const nlohmann::json& part);

}  // namespace bert_runtime
