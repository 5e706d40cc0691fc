// Whether a manifest, its task and its graphs speak of the same tensors: found out without an engine.
#pragma once

#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/manifest.h"
#include "bert_runtime/task.h"
#include "onnx_file.h"

namespace bert_runtime {

/// Where the manifest contradicts its task: tensors, settings, labels and sizes.
[[nodiscard]] Problems task_problems(const Manifest& manifest, const Task& task);

/// Where a graph's ONNX file contradicts the manifest; `manifest.files` gives the sizes of external data.
[[nodiscard]] Problems graph_problems(const Artefact& artefact, const Graph& graph, const OnnxFile& found,
                                      const Manifest& manifest);

}  // namespace bert_runtime
