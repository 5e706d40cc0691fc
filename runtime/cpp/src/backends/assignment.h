// Whether a session really runs where it was asked to: ONNX Runtime falls back to the CPU and only logs that.
#pragma once

#include <string>
#include <string_view>

namespace bert_runtime {

/// Refuses a run without a kernel of `provider`, or with a node of weight elsewhere. `profile` is ONNX Runtime's record of
/// the run, as JSON; `fix` is what to do about it.
///
/// What is proven: of every node that ran, that the provider ran it, or that it is of an operator that computes shapes,
/// a few integers, or copies; these may run on the CPU. That such a node computes shapes is not proven.
///
/// Throws BackendError: the run was not what was asked for.
void check_assignment(std::string_view profile, const std::string& provider, const std::string& fix);

}  // namespace bert_runtime
