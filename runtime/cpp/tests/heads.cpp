#include "heads.h"

#include <limits>
#include <map>
#include <stdexcept>
#include <utility>

#include "tasks/json.h"

namespace bert_runtime {
namespace {

void flatten(const Json& values, std::vector<float>& flat) {
  if (values.is_array()) {
    for (const Json& item : values) flatten(item, flat);
  } else {
    constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
    flat.push_back(values.is_null() ? kNaN : static_cast<float>(values.get<double>()));
  }
}

Json nested(const std::vector<std::int64_t>& values, std::int64_t choices) {
  if (choices == 0) return values;
  Json rows = Json::array();
  const std::size_t width = values.size() / static_cast<std::size_t>(choices);
  for (std::size_t i = 0; i < values.size(); i += width) {
    rows.push_back(std::vector<std::int64_t>(values.begin() + static_cast<std::ptrdiff_t>(i),
                                             values.begin() + static_cast<std::ptrdiff_t>(i + width)));
  }
  return rows;
}

Json features_form(const Features& row) {
  Json form = {{"ids", nested(row.ids, row.choices)},
               {"type_ids", nested(row.type_ids, row.choices)},
               {"mask", nested(row.mask, row.choices)}};
  if (row.positions) form["positions"] = *row.positions;
  return form;
}

/// The same encoder for the same file: reading a vocabulary takes longer than answering.
const TextEncoder& encoder_of(const std::string& path, const TokenizerRecord& record) {
  static std::map<std::string, TextEncoder> known;
  const Json shown = {path,        record.max_length,      record.pad_id,        record.mask_id.value_or(-1),
                      record.file, record.truncation_side, record.pair_type_ids, record.lower_case};
  const std::string key = shown.dump();
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  return known.emplace(key, TextEncoder::from_file(path, record)).first->second;
}

template <class T>
HeadAnswer ask(const HeadQuestion& question) {
  const typename T::Head head(encoder_of(question.tokenizer, question.record), settings_of(question.settings));
  const auto request = request_from_json<T>(question.request);
  const auto encoded = head.encode(request);
  HeadAnswer answer;
  for (const Features& row : encoded.features) answer.features.push_back(features_form(row));
  std::vector<Outputs> outputs;
  for (const Json& row : question.outputs) {
    outputs.emplace_back();
    for (const auto& [name, values] : row.items()) outputs.back().emplace(name, array_of(values));
  }
  if (!outputs.empty()) answer.result = result_to_json<T>(head.decode(request, encoded, outputs));
  return answer;
}

}  // namespace

HeadAnswer ask_head(const HeadQuestion& question) {
#define BERT_RUNTIME_ASK(T) \
  if (question.task == T::task().name) return ask<T>(question);
  BERT_RUNTIME_TASKS(BERT_RUNTIME_ASK)
#undef BERT_RUNTIME_ASK
  throw std::invalid_argument(question.task);
}

void check_request(const std::string& task, const Json& record) {
#define BERT_RUNTIME_CHECK(T) \
  if (task == T::task().name) return static_cast<void>(request_from_json<T>(record));
  BERT_RUNTIME_TASKS(BERT_RUNTIME_CHECK)
#undef BERT_RUNTIME_CHECK
  throw std::invalid_argument(task);
}

HeadSettings settings_of(const Json& record) {
  HeadSettings settings;
  for (const auto& [key, value] : record.items()) {
    if (value.is_null()) continue;
    if (key == "labels") settings.labels = value.get<std::vector<std::string>>();
    if (key == "problem_type") settings.problem_type = value.get<std::string>();
    if (key == "pooling") settings.pooling = value.get<std::string>();
    if (key == "normalize") settings.normalize = value.get<bool>();
    if (key == "activation") settings.activation = value.get<std::string>();
  }
  return settings;
}

FloatArray array_of(const Json& values) {
  std::vector<float> flat;
  Shape shape;
  if (values.is_object()) {
    shape = values.at("shape").get<Shape>();
    flatten(values.at("values"), flat);
  } else if (values.empty()) {
    shape = {0, 1};
  } else {
    for (const Json* level = &values; level->is_array(); level = &level->front()) {
      shape.push_back(static_cast<std::int64_t>(level->size()));
    }
    flatten(values, flat);
  }
  return FloatArray::owning(std::move(shape), std::move(flat));
}

Json error_of(const BertError& error) {
  const char* kind = "BertError";
  if (dynamic_cast<const InputError*>(&error)) kind = "InputError";
  if (dynamic_cast<const BundleError*>(&error)) kind = "BundleError";
  if (dynamic_cast<const BackendError*>(&error)) kind = "BackendError";
  Json faults = Json::array();
  for (const Problem& problem : error.problems()) faults.push_back(Json::array({problem.code, problem.field}));
  return {{"kind", kind}, {"faults", faults}, {"message", error.what()}};
}

}  // namespace bert_runtime
