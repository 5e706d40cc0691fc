#include "generation/cache.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "bert_runtime/errors.h"
#include "generation/room.h"

namespace bert_runtime {
namespace {

bool has_axis(const TensorSpec& spec, std::string_view axis) {
  return std::ranges::find(spec.axes, axis) != spec.axes.end();
}

std::vector<TensorSpec> with_axis(const std::vector<TensorSpec>& specs, std::string_view axis) {
  std::vector<TensorSpec> found;
  std::ranges::copy_if(specs, std::back_inserter(found), [&](const TensorSpec& spec) { return has_axis(spec, axis); });
  return found;
}

}  // namespace

Cache::Cache(const Artefact& artefact, const std::map<std::string, std::int64_t>& sizes, std::int64_t tokens)
    : sizes_(sizes) {
  std::vector<TensorSpec> past = with_axis(artefact.inputs, "past"), present = with_axis(artefact.outputs, "total");
  if (past.size() != present.size()) {
    throw BackendError("the graph reads " + std::to_string(past.size()) + " tensors of the past and writes " +
                       std::to_string(present.size()) + ", expected as many of both; export the bundle again");
  }
  for (std::size_t i = 0; i < past.size(); ++i) {
    auto read = block(past[i], tokens), write = block(past[i], tokens);
    slots_.push_back({std::move(past[i]), std::move(present[i]), std::move(read), std::move(write)});
  }
}

void Cache::add_past(std::int64_t rows, std::vector<Input>& inputs) const {
  for (const Slot& slot : slots_) {
    Shape size = shape(slot.past, rows, total_);
    const std::span<const float> values(slot.read.get(), static_cast<std::size_t>(element_count(size)));
    inputs.push_back({slot.past.name, std::move(size), values});
  }
}

void Cache::add_present(std::int64_t rows, std::int64_t total, std::vector<Output>& outputs) {
  for (Slot& slot : slots_) {
    Shape size = shape(slot.present, rows, total);
    const std::span<float> values(slot.write.get(), static_cast<std::size_t>(element_count(size)));
    outputs.push_back({slot.present.name, std::move(size), values});
  }
}

void Cache::advance(std::int64_t rows, std::int64_t total) {
  rows_ = rows;
  total_ = total;
  for (Slot& slot : slots_) std::swap(slot.read, slot.write);
}

void Cache::reorder(std::span<const std::int64_t> sources) {
  for (Slot& slot : slots_) {
    const std::int64_t size = element_count(shape(slot.past, 1, total_));
    for (std::size_t i = 0; i < sources.size(); ++i) {
      std::copy_n(slot.read.get() + sources[i] * size, size, slot.write.get() + static_cast<std::int64_t>(i) * size);
    }
    std::swap(slot.read, slot.write);
  }
  rows_ = static_cast<std::int64_t>(sources.size());
}

Shape Cache::shape(const TensorSpec& spec, std::int64_t rows, std::int64_t tokens) const {
  Shape shape;
  for (const std::string& axis : spec.axes) {
    const auto known = sizes_.find(axis);
    shape.push_back(axis == "batch" ? rows : known == sizes_.end() ? tokens : known->second);
  }
  return shape;
}

std::unique_ptr<float[]> Cache::block(const TensorSpec& spec, std::int64_t tokens) const {
  Shape sizes;
  for (const std::string& axis : spec.axes) {
    if (const auto known = sizes_.find(axis); known != sizes_.end()) sizes.push_back(known->second);
  }
  std::string each = "more than 64 bits can count";
  try {
    const std::int64_t count = product(sizes);
    each = std::to_string(count);
    return room_for(product(std::array{count, tokens}));
  } catch (const std::bad_alloc&) {  // bad_array_new_length among them: more than an address can count
    throw BackendError("no memory for a cache of " + each + " values of " + spec.name + " for each of " +
                       std::to_string(tokens) + " tokens; lower max_new_tokens, num_beams, or the limits of batches");
  }
}

}  // namespace bert_runtime
