// The first batch of an engine on a GPU, which may start and then fail, or be wrong.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "backends/onnxruntime.h"
#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// Feeds of the first token of the vocabulary, none of it masked: of small sizes where an axis belongs to the request.
/// `sizes` are the manifest's.
[[nodiscard]] std::vector<std::pair<std::string, Tensor>> small_batch(const std::vector<TensorSpec>& inputs,
                                                                      std::map<std::string, std::int64_t> sizes);

/// Asks the engine such a batch; throws as OnnxRuntimeEngine::prove does.
void prove(const OnnxRuntimeEngine& engine, const std::vector<TensorSpec>& inputs,
           const std::vector<TensorSpec>& outputs, const std::map<std::string, std::int64_t>& sizes);

}  // namespace bert_runtime
