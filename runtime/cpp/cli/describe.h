// What a bundle is: its manifest without what only programs read.
#pragma once

#include "bert_runtime/bundle.h"
#include "json_text.h"

namespace bert_runtime::cli {

/// Task, labels, artefacts, provenance and the reports of the export. Throws BundleError: the manifest is gone.
[[nodiscard]] Json describe(const Bundle& bundle);

}  // namespace bert_runtime::cli
