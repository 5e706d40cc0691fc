// The model of a tokenizer.json.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "models/model.h"
#include "tokenizer_fields.h"

namespace bert_runtime {

/// Makes a model of fields that were read. Called once; throws BundleError where they contradict each other.
using MakeModel = std::function<std::unique_ptr<Model>()>;

/// Reads a model's fields; notes what is no model that is known. What it gives may be called where no problem was noted.
[[nodiscard]] MakeModel read_model(TokenizerFields& fields, const nlohmann::json& part);

}  // namespace bert_runtime
