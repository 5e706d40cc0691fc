// The normalizer of a tokenizer.json.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "normalizers/normalizer.h"
#include "tokenizer_fields.h"

namespace bert_runtime {

/// Reads a normalizer, null among them; notes what is none that is known, or makes a text grow without bound.
[[nodiscard]] std::unique_ptr<Normalizer> read_normalizer(TokenizerFields& fields, const nlohmann::json& part);

}  // namespace bert_runtime
