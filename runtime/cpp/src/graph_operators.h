// Whether a graph is made of the exporter's operators alone, and gives an engine nothing to trap or grow on at load.
#pragma once

#include <string>

#include "bert_runtime/errors.h"
#include "onnx_file.h"

namespace bert_runtime {

/// Where a graph for the target holds more than BUNDLE.md allows; see Operators there.
[[nodiscard]] Problems operator_problems(const std::string& target, const OnnxFile& found);

}  // namespace bert_runtime
