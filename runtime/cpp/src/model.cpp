#include "model.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "in_json.h"

namespace bert_runtime {
namespace {

/// One batch through the engine: each row's outputs.
std::vector<Outputs> run_batch(const SessionParts& parts, std::span<const TensorSpec> fetch,
                               std::span<const Features* const> rows) {
  const std::int64_t longest = (*std::ranges::max_element(rows, {}, &Features::sequence))->sequence();
  const std::int64_t width = width_of(longest, parts.text.max_length(), parts.batch_limits);
  const auto feeds = collate(rows, parts.text.pad_id(), width);
  std::vector<Input> inputs;
  for (const TensorSpec& spec : parts.artefact.inputs) {
    const Tensor& tensor = feeds.at(spec.name);
    inputs.push_back({spec.name, tensor.shape, std::span(std::get<std::vector<std::int64_t>>(tensor.values))});
  }
  return split(parts.engine->run(inputs, names(fetch)), fetch, parts.manifest.sizes, rows, width);
}

std::variant<std::vector<Outputs>, ItemFailure> try_batch(const SessionParts& parts, std::span<const TensorSpec> fetch,
                                                          std::span<const Features* const> rows) {
  try {
    return run_batch(parts, fetch, rows);
  } catch (...) {
    return item_failure(std::current_exception());
  }
}

}  // namespace

Outputs whole(Tried tried) {
  if (const auto* failed = std::get_if<ItemFailure>(&tried)) throw_failure(*failed);
  return std::get<Outputs>(std::move(tried));
}

std::vector<TensorSpec> specs_of(std::span<const std::string> names, const Artefact& artefact) {
  std::vector<TensorSpec> specs;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(artefact.outputs, name, &TensorSpec::name);
    if (found == artefact.outputs.end()) {
      throw BackendError("the graph gives no " + in_json(name) +
                         ", expected it among its outputs; export the bundle again");
    }
    specs.push_back(*found);
  }
  return specs;
}

std::vector<std::string> names(std::span<const TensorSpec> specs) {
  std::vector<std::string> found;
  for (const TensorSpec& spec : specs) found.push_back(spec.name);
  return found;
}

void run_rows(const SessionParts& parts, std::span<const TensorSpec> fetch, std::span<const Features* const> rows,
              const Take& take) {
  const std::vector<std::vector<std::size_t>> batches = plan(rows, parts.batch_limits);
  std::atomic<std::size_t> next = 0;
  std::mutex taking;
  std::exception_ptr failure;
  const auto run_batches = [&] {
    try {
      for (std::size_t n = next++; n < batches.size(); n = next++) {
        std::vector<const Features*> chosen;
        for (const std::size_t i : batches[n]) chosen.push_back(rows[i]);
        auto found = try_batch(parts, fetch, chosen);
        const std::scoped_lock lock(taking);
        for (std::size_t k = 0; k < batches[n].size(); ++k) {
          const auto* failed = std::get_if<ItemFailure>(&found);
          take(batches[n][k], failed ? Tried(*failed) : Tried(std::move(std::get<0>(found)[k])));
        }
      }
    } catch (...) {
      next = batches.size();  // the other streams end with what they have begun
      const std::scoped_lock lock(taking);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;  // joined at the end of the block
    const std::size_t streams = std::min<std::size_t>(static_cast<std::size_t>(parts.streams), batches.size());
    for (std::size_t n = 1; n < streams; ++n) others.emplace_back(run_batches);
    run_batches();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace bert_runtime
