// What the artefacts of a bundle make of its canaries: requests that it carries with torch's answers.
#pragma once

#include <ostream>

#include "bert_runtime/bundle.h"
#include "bert_runtime/loading.h"

namespace bert_runtime::cli {

inline constexpr int kFailedSelfTest = 1;

/// Asks every artefact that runs here, or the one that `options` name, each canary alone and all in one stream. Writes one
/// JSON object a line for each, and returns the exit code. Answers are compared in all but their scores.
///
/// Throws BundleError: the bundle has no canaries, or they break the format; BackendError: nothing runs here.
[[nodiscard]] int self_test(const Bundle& bundle, const Options& options, std::ostream& output);

}  // namespace bert_runtime::cli
