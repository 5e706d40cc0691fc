#include "tasks/text_generation/encoder_states.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "bert_runtime/errors.h"
#include "tasks/request.h"
#include "tasks/scores.h"
#include "tasks/text_generation/number_lists.h"

namespace bert_runtime {
namespace {

std::string rank_problem(const std::string& name, const std::string& dtype, const Shape& shape,
                         const std::string& axes) {
  return "encoder_text." + name + " is " + dtype + " of shape " + shape_text(shape) + ", expected " + dtype + " of (" +
         axes + "): one text, no batch axis";
}

std::string hidden_rank_problem(const Shape& shape) {
  return rank_problem("hidden", "float32", shape, "source, hidden");
}

void note_hidden_problems(const FloatArray& hidden, Problems& problems) {
  if (hidden.shape.size() != 2) {
    problems.push_back({"wrong-type", "encoder_text.hidden", hidden_rank_problem(hidden.shape)});
  } else if (hidden.shape[0] <= 0 || hidden.shape[1] <= 0) {
    problems.push_back(
        {"empty", "encoder_text.hidden",
         "encoder_text.hidden has the shape " + shape_text(hidden.shape) + ", expected one token at least"});
  } else if (hidden.values.size() != static_cast<std::size_t>(element_count(hidden.shape))) {
    problems.push_back({"wrong-shape", "encoder_text.hidden",
                        "encoder_text.hidden has " + std::to_string(hidden.values.size()) +
                            " values, expected those of its shape " + shape_text(hidden.shape)});
  } else if (!std::ranges::all_of(hidden.values, [](float value) { return std::isfinite(value); })) {
    problems.push_back({"not-finite", "encoder_text.hidden",
                        "encoder_text.hidden holds values that are NaN or infinite, expected finite numbers"});
  }
}

void note_mask_problems(const std::vector<std::int64_t>& mask, std::int64_t tokens, Problems& problems) {
  if (static_cast<std::int64_t>(mask.size()) != tokens) {
    problems.push_back({"wrong-shape", "encoder_text.mask",
                        "encoder_text.mask has " + std::to_string(mask.size()) + " entries for " +
                            std::to_string(tokens) + " rows of encoder_text.hidden, expected one for each"});
  } else if (!std::ranges::all_of(mask, [](std::int64_t value) { return value == 0 || value == 1; })) {
    problems.push_back({"out-of-range", "encoder_text.mask",
                        "encoder_text.mask holds other values than 0 and 1, expected 1 for a token and 0 for padding"});
  } else if (tokens > 0 && std::ranges::find(mask, 1) == mask.end()) {
    problems.push_back({"empty", "encoder_text.mask",
                        "encoder_text.mask hides every token, expected 1 for one at least: there is nothing to read"});
  }
}

Problems key_problems(const Json& record) {
  Problems problems;
  for (const auto& entry : record.items()) {
    if (entry.key() == "hidden" || entry.key() == "mask") continue;
    problems.push_back({"unknown-field", "encoder_text." + entry.key(),
                        "unknown field 'encoder_text." + entry.key() + "'; the fields are hidden, mask"});
  }
  if (!record.contains("hidden"))
    problems.push_back(
        {"missing-field", "encoder_text.hidden", "missing field 'encoder_text.hidden'; the fields are hidden, mask"});
  std::ranges::sort(problems, {}, &Problem::message);
  return problems;
}

}  // namespace

EncoderStates::EncoderStates(FloatArray hidden, std::vector<std::int64_t> mask)
    : hidden_(std::move(hidden)), mask_(std::move(mask)) {}

EncoderStates EncoderStates::whole(FloatArray hidden) {
  Problems wrong;
  note_hidden_problems(hidden, wrong);
  // A shape that is wrong must not decide how much memory the mask takes.
  std::vector<std::int64_t> mask(wrong.empty() ? static_cast<std::size_t>(hidden.shape[0]) : 0, 1);
  EncoderStates states(std::move(hidden), std::move(mask));
  states.is_whole_ = true;
  return states;
}

std::vector<Problem> EncoderStates::problems() const {
  Problems found;
  note_hidden_problems(hidden_, found);
  if (hidden_.shape.size() == 2 && !is_whole_) note_mask_problems(mask_, hidden_.shape[0], found);
  return found;
}

namespace {

/// The arrays as they are written; throws InputError for what is no array of numbers.
std::pair<NumberList, std::optional<NumberList>> read_arrays(const Json& record) {
  raise_input_problems(key_problems(record));
  std::optional<NumberList> hidden = number_list(record.at("hidden"));
  if (!hidden) {
    throw InputError(
        Problem("wrong-type", "encoder_text.hidden",
                "encoder_text.hidden is no list of numbers, expected one of equally long lists, one for each token"));
  }
  if (!record.contains("mask")) return {std::move(*hidden), std::nullopt};
  std::optional<NumberList> mask = number_list(record.at("mask"));
  if (!mask || !mask->are_integers()) {
    throw InputError(Problem("wrong-type", "encoder_text.mask",
                             "encoder_text.mask is no list of integers, expected one with one entry for each token"));
  }
  return {std::move(*hidden), std::move(mask)};
}

Problems array_problems(const NumberList& hidden, const std::optional<NumberList>& mask) {
  Problems problems;
  if (hidden.shape().size() != 2)
    problems.push_back({"wrong-type", "encoder_text.hidden", hidden_rank_problem(hidden.shape())});
  if (mask && mask->shape().size() != 1) {
    problems.push_back({"wrong-type", "encoder_text.mask", rank_problem("mask", "int64", mask->shape(), "source")});
  }
  return problems;
}

EncoderStates states_of(const NumberList& hidden, const std::optional<NumberList>& mask) {
  FloatArray values = FloatArray::owning(hidden.shape(), hidden.floats());
  return mask ? EncoderStates(std::move(values), mask->integers()) : EncoderStates::whole(std::move(values));
}

}  // namespace

std::optional<EncoderStates> read_states(const Json& record, Problems& problems) {
  const auto [hidden, mask] = read_arrays(record);
  Problems wrong = array_problems(hidden, mask);
  std::optional<EncoderStates> states;
  if (wrong.empty()) wrong = states.emplace(states_of(hidden, mask)).problems();
  problems.insert(problems.end(), wrong.begin(), wrong.end());
  if (!wrong.empty()) states.reset();
  return states;
}

}  // namespace bert_runtime
