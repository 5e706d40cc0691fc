// What a task is: a value that names the head's tensors, and the two verbs that turn text into them and back.
#pragma once

#include <concepts>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/features.h"
#include "bert_runtime/tensor.h"
#include "bert_runtime/text.h"

namespace bert_runtime {

/// Which positions of the last layer a head reads.
enum class Reads { all_tokens, first_token, masked_positions, last_token };

/// Whether an axis changes with the request; the manifest's `sizes` give every other one.
[[nodiscard]] BERT_RUNTIME_API bool is_request_axis(std::string_view axis);

/// What a head needs to know beyond its logits; the manifest keeps it.
struct HeadSettings {
  std::vector<std::string> labels = {};                    ///< In the order of the logits; empty where a task has none.
  std::optional<std::string> problem_type = std::nullopt;  ///< Of text-classification.
  std::optional<std::string> pooling = std::nullopt;       ///< Of feature-extraction: how token vectors become one.
  std::optional<bool> normalize = std::nullopt;            ///< Of feature-extraction: unit length.
  /// Of text-classification: none, sigmoid or softmax; nothing: softmax for a single label, sigmoid for several, none for
  /// a regression.
  std::optional<std::string> activation = std::nullopt;
  std::map<std::string, std::string> prompts = {};  ///< Of feature-extraction: name -> what is put before a text.
  std::optional<std::string> default_prompt = std::nullopt;  ///< The name of the one for texts that ask for none.
};

/// What a decoder that reads an encoder has beyond the tensors of its task; per-layer ones as templates.
struct CrossAttention {
  std::vector<TensorSpec> inputs;           ///< What its graph takes after the task's own inputs.
  std::vector<TensorSpec> cross_kv_inputs;  ///< Of the graph that turns an encoder's states into these inputs.
  std::vector<TensorSpec> cross_kv_outputs;
};

/// The tensors of a graph that answers several texts in each row; see Task::sequence_packing.
struct SequencePacking {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

/// A head as a value: what its graph takes and gives, and which settings it uses.
struct Task {
  std::string name;                       ///< Its name in the ecosystem, used in manifests and commands.
  std::vector<std::string> aliases = {};  ///< Short names for the hand.
  Reads reads = Reads::all_tokens;
  std::vector<TensorSpec> outputs = {};        ///< The graph's outputs, in order.
  std::vector<TensorSpec> plain_outputs = {};  ///< Those of the class in transformers, where they differ.
  std::vector<TensorSpec> graph_inputs = {};   ///< The graph's inputs, where they differ from those of an encoder.
  std::optional<CrossAttention> cross_attention = std::nullopt;  ///< Where a model of the task may read an encoder.
  std::vector<std::string> settings = {};                        ///< The fields of HeadSettings that it uses.
  bool choices = false;                                          ///< Whether inputs are (batch, choices, sequence).
  bool is_autoregressive = false;                                ///< Whether an answer takes one run for each token.

  /// The graph's inputs in order, per-layer ones as templates; `plain` keeps those of transformers' class,
  /// `reads_source` adds those of a decoder that reads an encoder.
  [[nodiscard]] BERT_RUNTIME_API std::vector<TensorSpec> inputs(bool plain = false, bool reads_source = false) const;

  /// The graph's outputs in order, per-layer ones as templates; `plain` keeps those of transformers' class.
  [[nodiscard]] BERT_RUNTIME_API std::vector<TensorSpec> graph_outputs(bool plain = false) const;

  /// The tensors of the graph for texts that share a row, as BUNDLE.md has them; nothing where the task has no such
  /// graph.
  [[nodiscard]] BERT_RUNTIME_API std::optional<SequencePacking> sequence_packing() const;
};

/// The value of a task of this name, which there must be; the table is made from Python's `bert_runtime.tasks`.
[[nodiscard]] BERT_RUNTIME_API const Task& task_named(std::string_view name);

/// The tensors of a model that reads no token types.
[[nodiscard]] BERT_RUNTIME_API std::vector<TensorSpec> without_types(std::vector<TensorSpec> specs);

/// The tensors of a model whose vectors are wider or narrower than its layers: a Dense comes after the pooling.
[[nodiscard]] BERT_RUNTIME_API std::vector<TensorSpec> with_own_width(std::vector<TensorSpec> specs);

/// Whether a tensor has that width.
[[nodiscard]] BERT_RUNTIME_API bool has_own_width(const std::vector<TensorSpec>& specs);

/// Whether `token_type_ids` is among these tensors.
[[nodiscard]] BERT_RUNTIME_API bool has_types(const std::vector<TensorSpec>& specs);

/// The tensors of a graph with `layers` layers, in order: templates that stand together stay together by layer.
[[nodiscard]] BERT_RUNTIME_API std::vector<TensorSpec> expand(const std::vector<TensorSpec>& specs,
                                                              std::int64_t layers);

/// A head, as a type: `struct QuestionAnswering { using Request, Encoded, Result, Head; static const Task& task(); }`.
///
/// * `Request` is an aggregate; `problems()` tells what is wrong with its texts (UTF-8), or else with its values.
/// * `Encoded` derives from bert_runtime::Encoded.
/// * `Head(TextEncoder, HeadSettings)` throws BundleError for settings that do not fit; it holds no state of a request,
///   so that its const functions are safe in threads:
///   - `fetch(available)`: which of a graph's outputs `decode` reads;
///   - `encode(request)`: the request as one or more rows; throws InputError;
///   - `decode(request, encoded, outputs)`: the answer; `outputs[i]` belongs to `encoded.features[i]`. Pure; throws
///     BackendError for outputs that no head can read, such as NaN.
template <class T>
concept HeadTask =
    std::derived_from<typename T::Encoded, Encoded> &&
    std::constructible_from<typename T::Head, TextEncoder, HeadSettings> &&
    requires(const typename T::Head& head, const typename T::Request& request, const typename T::Encoded& encoded,
             const std::vector<std::string>& available, std::span<const Outputs> outputs) {
      { T::task() } -> std::same_as<const Task&>;
      { request.problems() } -> std::same_as<Problems>;
      { head.fetch(available) } -> std::same_as<std::vector<std::string>>;
      { head.encode(request) } -> std::same_as<typename T::Encoded>;
      { head.decode(request, encoded, outputs) } -> std::same_as<typename T::Result>;
    };

}  // namespace bert_runtime
