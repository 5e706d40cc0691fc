#include "generation/cross_cache.h"

#include <algorithm>
#include <new>
#include <numeric>
#include <utility>

#include "bert_runtime/errors.h"
#include "generation/room.h"

namespace bert_runtime {
namespace {

constexpr const char* kHidden = "encoder_hidden_states";
constexpr const char* kMask = "encoder_attention_mask";

/// The states of texts of any length, padded on the right to (sources, tokens, hidden).
std::vector<float> padded_states(std::span<const EncoderStates> sources, std::int64_t tokens) {
  const std::int64_t width = sources.front().width(), size = tokens * width;
  std::vector<float> hidden(sources.size() * static_cast<std::size_t>(size), 0.0F);
  auto place = hidden.begin();
  for (const EncoderStates& states : sources) {
    std::ranges::copy(states.hidden().values, place);
    place += size;
  }
  return hidden;
}

/// Their masks, padded with 0 to (sources, tokens).
std::vector<std::int64_t> padded_masks(std::span<const EncoderStates> sources, std::int64_t tokens) {
  std::vector<std::int64_t> masks(sources.size() * static_cast<std::size_t>(tokens), 0);
  auto place = masks.begin();
  for (const EncoderStates& states : sources) {
    std::ranges::copy(states.mask(), place);
    place += tokens;
  }
  return masks;
}

BackendError no_memory(std::size_t sources, std::int64_t tokens) {
  return BackendError("no memory for keys and values of " + std::to_string(sources) + " sources of " +
                      std::to_string(tokens) + " tokens; shorten them, or lower the limits of batches");
}

}  // namespace

CrossCache::CrossCache(const Engine& engine, const Graph& graph, const std::map<std::string, std::int64_t>& sizes,
                       std::span<const EncoderStates> sources)
    : tokens_(std::ranges::max(sources, {}, &EncoderStates::tokens).tokens()), held_(sources.size()) {
  std::iota(held_.begin(), held_.end(), 0);
  std::vector<float> hidden;
  try {
    hidden = padded_states(sources, tokens_);
    all_.mask = padded_masks(sources, tokens_);
    make_room(graph, sizes);
  } catch (const std::bad_alloc&) {
    throw no_memory(sources.size(), tokens_);
  }
  const Input states = {kHidden,
                        {static_cast<std::int64_t>(sources.size()), tokens_, sources.front().width()},
                        std::span<const float>(hidden)};
  std::vector<Output> outputs;
  for (const Slot& slot : all_.slots) {
    const auto count = static_cast<std::size_t>(product(slot.shape));
    outputs.push_back({slot.name, slot.shape, {slot.values.get(), count}});
  }
  engine.run_into({&states, 1}, outputs);
}

void CrossCache::make_room(const Graph& graph, const std::map<std::string, std::int64_t>& sizes) {
  for (const TensorSpec& spec : graph.outputs) {
    Shape shape;
    for (const std::string& axis : spec.axes) {
      const auto known = sizes.find(axis);
      const auto count = static_cast<std::int64_t>(held_.size());
      shape.push_back(axis == "sources" ? count : known == sizes.end() ? tokens_ : known->second);
    }
    auto values = room_for(product(shape));
    all_.slots.push_back({spec.name, std::move(shape), std::move(values)});
  }
}

void CrossCache::add_inputs(std::span<const std::int64_t> owners, std::vector<Input>& inputs) {
  const std::vector<std::int64_t> needed = evenly(owners);
  if (needed != held_) {
    some_ = chosen(needed);
    current_ = &some_;
    held_ = needed;
  }
  const auto count = static_cast<std::int64_t>(held_.size());
  inputs.push_back({kMask, {count, tokens_}, std::span<const std::int64_t>(current_->mask)});
  for (const Slot& slot : current_->slots) {
    const std::span<const float> values(slot.values.get(), static_cast<std::size_t>(product(slot.shape)));
    inputs.push_back({slot.name, slot.shape, values});
  }
}

CrossCache::Chosen CrossCache::chosen(std::span<const std::int64_t> sources) const try {
  Chosen found;
  for (const std::int64_t source : sources) {
    const auto first = all_.mask.begin() + source * tokens_;
    found.mask.insert(found.mask.end(), first, first + tokens_);
  }
  for (const Slot& slot : all_.slots) {
    const std::int64_t size = product(slot.shape) / slot.shape.front();
    Shape shape = slot.shape;
    shape.front() = static_cast<std::int64_t>(sources.size());
    auto values = room_for(product(shape));
    for (std::size_t i = 0; i < sources.size(); ++i) {
      std::copy_n(slot.values.get() + sources[i] * size, size, values.get() + static_cast<std::int64_t>(i) * size);
    }
    found.slots.push_back({slot.name, std::move(shape), std::move(values)});
  }
  return found;
} catch (const std::bad_alloc&) {
  throw no_memory(sources.size(), tokens_);
}

std::vector<std::int64_t> evenly(std::span<const std::int64_t> owners) {
  std::vector<std::pair<std::int64_t, std::int64_t>> counts;
  std::int64_t share = 0;
  for (auto owner = owners.begin(); owner != owners.end();) {
    const auto next = std::find_if(owner, owners.end(), [&](std::int64_t other) { return other != *owner; });
    counts.emplace_back(*owner, next - owner);
    share = std::gcd(share, next - owner);
    owner = next;
  }
  std::vector<std::int64_t> needed;
  for (const auto& [source, count] : counts) {
    needed.insert(needed.end(), static_cast<std::size_t>(count / share), source);
  }
  return needed;
}

}  // namespace bert_runtime
