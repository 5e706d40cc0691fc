// Which version of the format a manifest needs: the lowest that knows all its parts; rule 38 of BUNDLE.md.
#pragma once

#include "bert_runtime/errors.h"
#include "bert_runtime/manifest.h"

namespace bert_runtime {

/// Adds the parts that the manifest's version does not know yet.
void version_problems(const Manifest& manifest, Problems& problems);

}  // namespace bert_runtime
