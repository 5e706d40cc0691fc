// What no single field of a manifest can show: rules 15 to 18 and 38 of BUNDLE.md.
#pragma once

#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/manifest.h"

namespace bert_runtime {

/// Names that clash, files that are named but not listed; `own_name` is the manifest's, which no file may have.
[[nodiscard]] Problems contradictions(const Manifest& manifest, const std::string& own_name);

}  // namespace bert_runtime
