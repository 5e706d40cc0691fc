// Whether a manifest and an ONNX file speak of the same tensors: found out without an engine.
#pragma once

#include "bert_runtime/errors.h"
#include "bert_runtime/manifest.h"
#include "onnx_file.h"

namespace bert_runtime {

/// Where a graph's ONNX file contradicts the manifest; `manifest.files` gives the sizes of external data.
[[nodiscard]] Problems graph_problems(const Artefact& artefact, const Graph& graph, const OnnxFile& found,
                                      const Manifest& manifest);

}  // namespace bert_runtime
