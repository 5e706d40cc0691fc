// Which artefact of a bundle runs here: the best one that this machine can really run, or the one that was named.
#pragma once

#include <functional>
#include <string>

#include "bert_runtime/manifest.h"

namespace bert_runtime {

/// Artefacts of the manifest that it was chosen from.
struct Choice {
  const Artefact* artefact;  ///< The only one, or of two the one for any mask.
  const Artefact* right_padded =
      nullptr;  ///< On a GPU, the one that runs in its place for right-padded masks, or null.
};

/// The artefact for `target`; `auto` takes the best that runs on the CPU. Points into the manifest.
///
/// `warn` is told when an artefact for another target has to do. A named target never falls back to another.
/// Throws BackendError: the bundle holds no artefact for a named target, or no engine of this runtime runs it.
[[nodiscard]] Choice select(const Manifest& manifest, const std::string& target,
                            const std::function<void(const std::string&)>& warn);

}  // namespace bert_runtime
