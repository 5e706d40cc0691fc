#include "bert_runtime/tasks/feature_extraction.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "bert_runtime/errors.h"
#include "format_words.h"
#include "in_json.h"
#include "tasks/json_form.h"
#include "tasks/request.h"
#include "tasks/scores.h"
#include "texts.h"

namespace bert_runtime {

template <>
struct Fields<FeatureExtractionRequest> {
  static constexpr auto list = std::tuple(required("text", &FeatureExtractionRequest::text),
                                          field("prompt_name", &FeatureExtractionRequest::prompt_name),
                                          field("dimensions", &FeatureExtractionRequest::dimensions));
};

template <>
struct Fields<FeatureExtractionResult> {
  static constexpr auto list = std::tuple(field("vector", &FeatureExtractionResult::vector),
                                          field("truncated", &FeatureExtractionResult::truncated));
};

namespace {

/// Those that are computed here where the graph is that of transformers' class.
constexpr std::array<std::string_view, 3> kPlainPoolings = {"mean", "cls", "pooler"};
constexpr const char* kPooled = "sentence_embedding";

Problems settings_problems(const HeadSettings& settings) {
  Problems problems;
  if (!settings.pooling || std::ranges::find(kPoolingNames, *settings.pooling) == kPoolingNames.end()) {
    const std::string got = settings.pooling ? in_json(*settings.pooling) : "missing";
    problems.push_back(
        {"wrong-value", "settings.pooling", "pooling is " + got + ", expected " + joined(kPoolingNames)});
  }
  if (!settings.normalize)
    problems.push_back({"missing-key", "settings.normalize", "normalize is missing, expected true or false"});
  return problems;
}

/// The mean of the rows that the mask keeps; 1e-9 stands for an empty text's count, as in sentence-transformers.
std::vector<double> mean(const FloatArray& states, std::span<const std::int64_t> mask) {
  const auto hidden = static_cast<std::size_t>(states.shape[1]);
  std::vector<double> sum(hidden);
  double count = 0;
  for (std::size_t row = 0; row < mask.size(); ++row) {
    if (!mask[row]) continue;
    ++count;
    for (std::size_t i = 0; i < hidden; ++i) sum[i] += states.values[row * hidden + i];
  }
  for (double& value : sum) value /= std::max(count, 1e-9);
  return sum;
}

void scale_to_unit(std::vector<double>& vector) {
  double squares = 0;
  for (const double value : vector) squares += value * value;
  const double length = std::max(std::sqrt(squares), 1e-12);
  for (double& value : vector) value /= length;
}

/// What is put before a text that asks for a prompt of this name. Throws InputError: the bundle has none such.
std::string prompt(const HeadSettings& settings, const std::optional<std::string>& name) {
  const std::optional<std::string>& chosen = name ? name : settings.default_prompt;
  if (!chosen || chosen->empty()) return "";
  const auto found = settings.prompts.find(*chosen);
  if (found != settings.prompts.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& entry : settings.prompts) names.push_back(entry.first);
  throw InputError(Problem("wrong-value", "prompt_name",
                           "prompt_name is " + cut(in_json(*chosen)) +
                               ", expected one of the bundle's prompts: " + joined(names, ", ", "none")));
}

/// The first numbers of a vector, scaled to length 1 if its settings say so. Throws InputError: the vector has fewer.
std::vector<float> first_dimensions(const std::vector<float>& vector, std::int64_t count, bool normalize) {
  if (count > static_cast<std::int64_t>(vector.size())) {
    throw InputError(Problem("out-of-range", "dimensions",
                             "dimensions is " + std::to_string(count) + ", expected " + std::to_string(vector.size()) +
                                 " at most, those of the model's vectors"));
  }
  std::vector<double> kept(vector.begin(), vector.begin() + static_cast<std::ptrdiff_t>(count));
  if (normalize) scale_to_unit(kept);
  return {kept.begin(), kept.end()};
}

/// One vector by the formulas of sentence-transformers' Pooling and Normalize modules: from the last hidden state,
/// (sequence, hidden), or from the pooler's output, (hidden,).
std::vector<float> pooled(const FloatArray& values, std::span<const std::int64_t> mask, const HeadSettings& settings) {
  const bool is_mean = values.shape.size() == 2 && settings.pooling == "mean";
  const FloatArray first = values.shape.size() == 2 ? values[0] : values;
  std::vector<double> vector =
      is_mean ? mean(values, mask) : std::vector<double>(first.values.begin(), first.values.end());
  if (*settings.normalize) scale_to_unit(vector);
  return {vector.begin(), vector.end()};
}

void require_shape(const FloatArray& values, std::string_view name, std::int64_t tokens) {
  const bool is_states = values.shape.size() == 2 && values.shape[0] == tokens && tokens > 0;
  if (values.shape.size() == 1 || is_states) return;
  throw BackendError(in_json(name) + " has the shape " + shape_text(values.shape) + ", expected (hidden,) or (" +
                     std::to_string(tokens) + " tokens, hidden); export the bundle again");
}

}  // namespace

std::vector<Problem> FeatureExtractionRequest::problems() const {
  Problems problems = field_mistakes(*this);
  if (problems.empty() && dimensions && *dimensions < 1) {
    problems.push_back(
        {"out-of-range", "dimensions",
         "dimensions is " + std::to_string(*dimensions) + ", expected 1 at least; leave it out for the whole vector"});
  }
  return problems;
}

FeatureExtractionHead::FeatureExtractionHead(TextEncoder text, HeadSettings settings)
    : HeadBase(std::move(text), std::move(settings)) {
  const Problems problems = settings_problems(this->settings());
  if (!problems.empty()) throw BundleError(told(problems) + "; export the bundle again", problems);
}

std::vector<std::string> FeatureExtractionHead::fetch(const std::vector<std::string>& available) const {
  const std::string unpooled = settings().pooling == "pooler" ? "pooler_output" : "last_hidden_state";
  const bool can_pool = std::ranges::find(kPlainPoolings, *settings().pooling) != kPlainPoolings.end();
  for (const std::string& name : {std::string(kPooled), unpooled}) {
    const bool is_there = std::ranges::find(available, name) != available.end();
    if (is_there && (name == kPooled || can_pool)) return {name};
  }
  std::string got;
  for (const std::string& name : available) got += (got.empty() ? "" : ", ") + name;
  throw BundleError(
      Problem("wrong-signature", "outputs",
              "the graph gives " + got + ", expected sentence_embedding or " + unpooled + "; export the bundle again"));
}

FeatureExtractionEncoded FeatureExtractionHead::encode(const FeatureExtractionRequest& request) const {
  raise_input_problems(request.problems());
  const Pieces pieces = text().pieces(prompt(settings(), request.prompt_name) + request.text);
  const Pieces kept = text().truncate(pieces);
  return {{{Features::from_row(text().row(kept))}}, kept.size() < pieces.size()};
}

FeatureExtractionResult FeatureExtractionHead::decode(const FeatureExtractionRequest& request,
                                                      const FeatureExtractionEncoded& encoded,
                                                      std::span<const Outputs> outputs) const {
  std::vector<std::string> available;
  for (const auto& entry : outputs[0]) available.push_back(entry.first);
  const std::string name = fetch(available).front();
  const FloatArray& values = output(outputs[0], name);
  const Features& features = encoded.features[0];
  require_shape(values, name, features.sequence());
  require_finite(values.values, name);
  std::vector<float> vector = name == kPooled ? std::vector<float>(values.values.begin(), values.values.end())
                                              : pooled(values, features.mask, settings());
  if (request.dimensions) vector = first_dimensions(vector, *request.dimensions, *settings().normalize);
  return {std::move(vector), encoded.truncated};
}

const Task& FeatureExtraction::task() {
  static const Task& task = task_named("feature-extraction");
  return task;
}

template FeatureExtractionRequest request_from_json<FeatureExtraction>(const Json&);
template std::vector<RequestField> request_fields<FeatureExtraction>();
template Json result_to_json<FeatureExtraction>(const FeatureExtractionResult&);

}  // namespace bert_runtime
