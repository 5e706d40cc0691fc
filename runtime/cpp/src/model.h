// A loaded graph: rows of token ids through its engine, in batches of similar length.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "bert_runtime/features.h"
#include "bert_runtime/session.h"
#include "bert_runtime/tensor.h"
#include "item_failure.h"

namespace bert_runtime {

/// A row's outputs, or what its batch met.
using Tried = std::variant<Outputs, ItemFailure>;

/// The outputs; throws what the batch met.
[[nodiscard]] Outputs whole(Tried tried);

using Take = std::function<void(std::size_t, Tried)>;

/// The specs of these outputs. Throws BackendError: the graph gives no such output.
[[nodiscard]] std::vector<TensorSpec> specs_of(std::span<const std::string> names, const Artefact& artefact);

[[nodiscard]] std::vector<std::string> names(std::span<const TensorSpec> specs);

/// See Session::outputs. Each stream takes the next batch when it has done one; `take` is called by one at a time, and
/// what it throws ends all of them.
void run_rows(const SessionParts& parts, std::span<const TensorSpec> fetch, std::span<const Features* const> rows,
              const Take& take);

}  // namespace bert_runtime
