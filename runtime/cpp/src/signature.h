// Whether a manifest and its task speak of the same tensors, settings and sizes.
#pragma once

#include "bert_runtime/errors.h"
#include "bert_runtime/manifest.h"
#include "bert_runtime/task.h"

namespace bert_runtime {

/// Where the manifest contradicts its task: tensors, settings, labels and sizes.
[[nodiscard]] Problems task_problems(const Manifest& manifest, const Task& task);

}  // namespace bert_runtime
