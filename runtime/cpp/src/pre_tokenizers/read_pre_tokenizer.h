// The pre-tokenizer of a tokenizer.json.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "pre_tokenizers/pre_tokenizer.h"
#include "tokenizer_fields.h"

namespace bert_runtime {

/// Reads a pre-tokenizer; notes what is none that is known. Null is taken where `may_lack`.
[[nodiscard]] std::unique_ptr<PreTokenizer> read_pre_tokenizer(TokenizerFields& fields, const nlohmann::json& part,
                                                               bool may_lack);

}  // namespace bert_runtime
