// feature-extraction: a vector for a text, such as sentence embeddings.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/tasks/head.h"

namespace bert_runtime {

/// A text; it may be empty. A value that owns it.
struct FeatureExtractionRequest {
  std::string text;
  /// Which of the bundle's prompts is put before the text; nothing takes the bundle's default, and "" none.
  std::optional<std::string> prompt_name = std::nullopt;
  /// How many numbers of the vector are kept, from its start; nothing keeps all. Unit vectors are scaled anew.
  std::optional<std::int64_t> dimensions = std::nullopt;

  /// What is wrong with the request, a sentence for each problem.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// The vector of a text, a copy: it does not keep the batch in memory.
struct FeatureExtractionResult {
  std::vector<float> vector;  ///< (hidden,), or (dimensions,).
  bool truncated = false;     ///< The end of the text was cut off, because it is longer than the model reads.
};

/// The text as one row.
struct FeatureExtractionEncoded : Encoded {
  bool truncated = false;
};

/// Takes the vector from a graph that pools, and pools what a plain graph gives. Safe in threads.
class BERT_RUNTIME_API FeatureExtractionHead : public HeadBase {
 public:
  /// Throws BundleError: `pooling` or `normalize` is missing or unknown.
  FeatureExtractionHead(TextEncoder text, HeadSettings settings);

  /// One output: the vector where the graph pools, else what the vector is made of.
  /// Throws BundleError: the graph has no such output.
  [[nodiscard]] std::vector<std::string> fetch(const std::vector<std::string>& available) const;

  /// One row; a text that does not fit is cut. The result owns its memory. Throws InputError: the text is not UTF-8.
  [[nodiscard]] FeatureExtractionEncoded encode(const FeatureExtractionRequest& request) const;

  /// The vector; it owns its memory. Throws BackendError: values of another shape, or not finite.
  [[nodiscard]] FeatureExtractionResult decode(const FeatureExtractionRequest& request,
                                               const FeatureExtractionEncoded& encoded,
                                               std::span<const Outputs> outputs) const;
};

/// The task as a type; see HeadTask.
struct FeatureExtraction {
  using Request = FeatureExtractionRequest;
  using Encoded = FeatureExtractionEncoded;
  using Result = FeatureExtractionResult;
  using Head = FeatureExtractionHead;
  [[nodiscard]] BERT_RUNTIME_API static const Task& task();
};

}  // namespace bert_runtime
