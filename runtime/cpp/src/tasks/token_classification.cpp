#include "tasks/token_classification.h"

#include <algorithm>
#include <utility>

#include "bert_runtime/errors.h"
#include "bert_runtime/tasks/token_classification.h"
#include "in_json.h"
#include "tasks/entities.h"
#include "tasks/json_form.h"
#include "tasks/labels.h"
#include "tasks/request.h"
#include "tasks/tag_scheme.h"

namespace bert_runtime {

template <>
struct Fields<TokenClassificationRequest> {
  static constexpr auto list = std::tuple(required("text", &TokenClassificationRequest::text),
                                          field("aggregation", &TokenClassificationRequest::aggregation),
                                          field("stride", &TokenClassificationRequest::stride),
                                          field("ignore_labels", &TokenClassificationRequest::ignore_labels));
};

template <>
struct Fields<TokenClassificationResult> {
  static constexpr auto list = std::tuple(field("entities", &TokenClassificationResult::entities));
};

namespace {

constexpr const char* kTokenClassification = "token-classification";

}  // namespace

std::vector<float> merge(std::span<const Span> windows, std::span<const std::span<const float>> parts,
                         std::size_t labels) {
  const auto length = static_cast<std::size_t>(windows.back().end);
  std::vector<float> merged(length * labels);
  std::vector<std::int64_t> context(length, -1);
  for (std::size_t i = 0; i < windows.size(); ++i) {
    for (std::int64_t at = windows[i].begin; at < windows[i].end; ++at) {
      const auto token = static_cast<std::size_t>(at), place = static_cast<std::size_t>(at - windows[i].begin);
      const std::int64_t poorer = std::min(at - windows[i].begin, windows[i].end - 1 - at);
      if (poorer <= context[token]) continue;
      context[token] = poorer;
      std::ranges::copy(parts[i].subspan(place * labels, labels),
                        merged.begin() + static_cast<std::ptrdiff_t>(token * labels));
    }
  }
  return merged;
}

std::vector<Problem> TokenClassificationRequest::problems() const {
  Problems problems = field_mistakes(*this);
  if (!problems.empty()) return problems;
  if (std::ranges::find(kAggregations, aggregation) == kAggregations.end()) {
    problems.push_back(
        {"not-a-choice", "aggregation",
         "aggregation is " + in_json(aggregation) + ", expected one of none, simple, first, average, max"});
  }
  if (stride && *stride < 0) {
    problems.push_back(
        {"out-of-range", "stride", "stride is " + std::to_string(*stride) + ", expected 0 or more tokens"});
  }
  return problems;
}

TokenClassificationHead::TokenClassificationHead(TextEncoder text, HeadSettings settings)
    : HeadBase(std::move(text), std::move(settings)) {
  require_labels(kTokenClassification, this->settings());
  tags_ = read_tags(this->settings().labels);
}

TokenClassificationEncoded TokenClassificationHead::encode(const TokenClassificationRequest& request) const {
  raise_input_problems(request.problems());
  TokenClassificationEncoded encoded;
  encoded.pieces = text().pieces(request.text);
  const std::int64_t room = text().room();
  encoded.windows = TextEncoder::windows(encoded.pieces.size(), room, request.stride.value_or(room / 4));
  for (const Span window : encoded.windows) {
    const Row row = text().row(encoded.pieces.part(window));
    encoded.features.push_back(Features::from_row(row));
    encoded.first = row.first.begin;
  }
  return encoded;
}

TokenClassificationResult TokenClassificationHead::decode(const TokenClassificationRequest& request,
                                                          const TokenClassificationEncoded& encoded,
                                                          std::span<const Outputs> outputs) const {
  const std::vector<std::string>& labels = settings().labels;
  std::vector<std::span<const float>> parts;
  for (std::size_t i = 0; i < encoded.windows.size(); ++i) {
    const FloatArray& logits = labelled_logits(outputs[i], labels, encoded.features[i].sequence());
    parts.push_back(logits.values.subspan(static_cast<std::size_t>(encoded.first) * labels.size(),
                                          static_cast<std::size_t>(encoded.windows[i].size()) * labels.size()));
  }
  const std::vector<float> logits = merge(encoded.windows, parts, labels.size());
  TokenClassificationResult result{entities({request.text, encoded.pieces, logits, tags_}, request.aggregation)};
  std::erase_if(result.entities, [&](const Entity& entity) {
    return std::ranges::find(request.ignore_labels, entity.label) != request.ignore_labels.end();
  });
  return result;
}

const Task& TokenClassification::task() {
  static const Task& task = task_named(kTokenClassification);
  return task;
}

template TokenClassificationRequest request_from_json<TokenClassification>(const Json&);
template std::vector<RequestField> request_fields<TokenClassification>();
template Json result_to_json<TokenClassification>(const TokenClassificationResult&);

}  // namespace bert_runtime
