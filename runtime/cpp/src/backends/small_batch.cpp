#include "backends/small_batch.h"

#include <utility>

namespace bert_runtime {
namespace {

const std::map<std::string, std::int64_t> kSizes = {{"batch", 2},  {"sequence", 4}, {"choices", 2},
                                                    {"masks", 1},  {"past", 1},     {"total", 5},
                                                    {"source", 4}, {"sources", 2},  {"texts", 1}};

}  // namespace

std::vector<std::pair<std::string, Tensor>> small_batch(const std::vector<TensorSpec>& inputs,
                                                        std::map<std::string, std::int64_t> sizes) {
  sizes.insert(kSizes.begin(), kSizes.end());
  std::vector<std::pair<std::string, Tensor>> made;
  for (const TensorSpec& spec : inputs) {
    Shape shape;
    for (const std::string& axis : spec.axes) shape.push_back(sizes.at(axis));
    const auto count = static_cast<std::size_t>(element_count(shape));
    Tensor tensor{shape, std::vector<std::int64_t>(count, spec.name.ends_with("mask") ? 1 : 0)};
    if (spec.dtype == "float32") tensor.values = std::vector<float>(count, 0.0F);
    made.emplace_back(spec.name, std::move(tensor));
  }
  return made;
}

void prove(const OnnxRuntimeEngine& engine, const std::vector<TensorSpec>& inputs,
           const std::vector<TensorSpec>& outputs, const std::map<std::string, std::int64_t>& sizes) {
  const auto batch = small_batch(inputs, sizes);
  std::vector<Input> feeds;
  for (const auto& [name, tensor] : batch) {
    Input feed{name, tensor.shape, std::span<const std::int64_t>()};
    std::visit([&](const auto& values) { feed.values = std::span(values); }, tensor.values);
    feeds.push_back(std::move(feed));
  }
  std::vector<std::string> fetch;
  for (const TensorSpec& spec : outputs) fetch.push_back(spec.name);
  engine.prove(feeds, fetch);
}

}  // namespace bert_runtime
