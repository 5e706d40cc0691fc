// Keys and values of the texts that an encoder read: computed once, and read where they lie by all rows of a text.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/backends/engine.h"
#include "bert_runtime/manifest.h"
#include "bert_runtime/tasks/encoder_states.h"
#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// What a batch's decoder attends to besides its own tokens. Beams of one source share its keys and values. For one
/// thread.
class CrossCache {
 public:
  /// Runs the graph of the source, once for all sources together (at least one). The arguments are read during the call
  /// only. Throws BackendError: the engine failed, or there is no memory for it.
  CrossCache(const Engine& engine, const Graph& graph, const std::map<std::string, std::int64_t>& sizes,
             std::span<const EncoderStates> sources);
  CrossCache(const CrossCache&) = delete;
  CrossCache& operator=(const CrossCache&) = delete;

  /// Adds the graph's inputs for rows that read the sources `owners`, in ascending order. They point into the cache
  /// until the next call.
  ///
  /// Nothing is copied while the same sources are needed, however many rows share each. Throws BackendError: there is
  /// no memory for a copy.
  void add_inputs(std::span<const std::int64_t> owners, std::vector<Input>& inputs);

 private:
  /// A key or value tensor of one layer; `shape` begins with the sources.
  struct Slot {
    std::string name;
    Shape shape;
    std::unique_ptr<float[]> values;
  };

  /// Sources, each as often as rows need it.
  struct Chosen {
    std::vector<std::int64_t> mask;  ///< (sources, source).
    std::vector<Slot> slots;
  };

  void make_room(const Graph& graph, const std::map<std::string, std::int64_t>& sizes);
  [[nodiscard]] Chosen chosen(std::span<const std::int64_t> sources) const;

  std::int64_t tokens_;             ///< Of the longest source.
  Chosen all_;                      ///< Every source once.
  Chosen some_;                     ///< Copies, where rows need others than every source once.
  std::vector<std::int64_t> held_;  ///< The sources that `current_` has.
  const Chosen* current_ = &all_;
};

/// Sources in the order of their rows, so that each serves equally many: the fewest, one more than once if need be.
///
/// Beams that all run give every source once; rows that end one by one may leave no other way than a copy for each.
/// `owners` are in ascending order. Pure.
[[nodiscard]] std::vector<std::int64_t> evenly(std::span<const std::int64_t> owners);

}  // namespace bert_runtime
