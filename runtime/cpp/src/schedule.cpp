#include "bert_runtime/schedule.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "bert_runtime/errors.h"
#include "python_repr.h"
#include "texts.h"

namespace bert_runtime {
namespace {

using Rows = std::span<const Features* const>;
using Sizes = std::map<std::string, std::int64_t>;

std::int64_t widest(Rows rows) { return (*std::ranges::max_element(rows, {}, &Features::sequence))->sequence(); }

std::int64_t most_masks(Rows rows) { return (*std::ranges::max_element(rows, {}, &Features::masks))->masks(); }

/// Stacks rows of several lines each, each line padded to `width`.
Tensor stacked(Rows rows, std::vector<std::int64_t> Features::*member, std::int64_t width, std::int64_t value) {
  const std::int64_t choices = rows.front()->choices;
  const std::int64_t lines = std::max<std::int64_t>(choices, 1);
  const auto count = static_cast<std::int64_t>(rows.size());
  std::vector<std::int64_t> values(static_cast<std::size_t>(count * lines * width), value);
  auto place = values.begin();
  for (const Features* row : rows) {
    const std::int64_t length = row->sequence();
    for (auto line = (row->*member).begin(); line != (row->*member).end(); line += length, place += width) {
      std::copy_n(line, length, place);
    }
  }
  return {choices ? Shape{count, choices, width} : Shape{count, width}, std::move(values)};
}

Tensor stacked_positions(Rows rows, std::int64_t width) {
  std::vector<std::int64_t> values(rows.size() * static_cast<std::size_t>(width), 0);
  auto place = values.begin();
  for (const Features* row : rows) {
    if (row->positions) std::ranges::copy(*row->positions, place);
    place += width;
  }
  return {{static_cast<std::int64_t>(rows.size()), width}, std::move(values)};
}

std::string spelt(const Shape& shape) {
  std::vector<std::string> sizes;
  for (const std::int64_t size : shape) sizes.push_back(std::to_string(size));
  return "(" + joined(sizes) + ")";
}

/// The shape that the graph must give for these rows.
Shape expected_shape(const TensorSpec& spec, const Sizes& sizes, Rows rows) {
  const Sizes own = {{"batch", static_cast<std::int64_t>(rows.size())},
                     {"choices", rows.front()->choices},
                     {"sequence", widest(rows)},
                     {"masks", most_masks(rows)}};
  Shape shape;
  for (const std::string& axis : spec.axes) {
    const auto found = sizes.find(axis);
    shape.push_back(found == sizes.end() ? own.at(axis) : found->second);
  }
  return shape;
}

/// The row `i` of a batch's output, cut to the row's own length.
FloatArray own_part(const FloatArray& output, const TensorSpec& spec, std::size_t i, const Features& row) {
  FloatArray part = output[static_cast<std::int64_t>(i)];
  if (spec.axes.size() < 2) return part;
  const std::int64_t whole = part.shape.front();
  if (spec.axes[1] == "sequence") part.shape.front() = row.sequence();
  if (spec.axes[1] == "masks") part.shape.front() = row.masks();
  if (part.shape.front() != whole) part.values = part.values.first(static_cast<std::size_t>(element_count(part.shape)));
  return part;
}

/// Tokens of padding in a batch that are always fine: a batch more would cost as much.
constexpr double kSlack = 16;

/// Whether `rows` rows of `size` tokens, `own` of them no padding, are one batch.
bool fits(const BatchLimits& limits, std::int64_t rows, std::int64_t size, std::int64_t own) {
  const std::int64_t whole = rows * size;
  const double allowed = std::max(kSlack, limits.max_padding * static_cast<double>(whole));
  return rows <= limits.max_batch_size && whole <= limits.max_batch_tokens && static_cast<double>(whole - own) <= allowed;
}

}  // namespace

std::vector<std::string> BatchLimits::problems() const {
  std::vector<std::string> found;
  for (const auto& [name, value] : {std::pair{"max_batch_tokens", max_batch_tokens},
                                    std::pair{"max_batch_size", max_batch_size}}) {
    if (value < 1) found.push_back(std::string(name) + " is " + std::to_string(value) + ", expected at least 1");
  }
  if (!(max_padding >= 0)) found.push_back("max_padding is " + repr(max_padding) + ", expected at least 0");
  if (pad_to_multiple_of.value_or(1) < 1) {
    found.push_back("pad_to_multiple_of is " + std::to_string(*pad_to_multiple_of) + ", expected at least 1");
  }
  if (!(max_wait >= 0)) found.push_back("max_wait is " + repr(max_wait) + ", expected at least 0");
  return found;
}

std::vector<std::vector<std::size_t>> plan(std::span<const Features* const> features, const BatchLimits& limits) {
  std::vector<std::size_t> order(features.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t i) {
    return std::tuple(features[i]->choices, features[i]->sequence(), features[i]->masks());
  };
  std::ranges::stable_sort(order, {}, key);
  std::vector<std::vector<std::size_t>> batches;
  std::int64_t own = 0;  // tokens of the last batch, padding left out
  for (const std::size_t i : order) {
    const auto size = static_cast<std::int64_t>(features[i]->ids.size());
    const bool is_alike = !batches.empty() && features[batches.back().front()]->choices == features[i]->choices;
    const auto count = is_alike ? static_cast<std::int64_t>(batches.back().size()) : 0;
    // Sorted by length: the new row is the longest, so it decides the width of the whole batch.
    if (is_alike && fits(limits, count + 1, size, own + size)) {
      batches.back().push_back(i);
      own += size;
    } else {
      batches.push_back({i});
      own = size;
    }
  }
  std::ranges::reverse(batches);
  return batches;
}

std::map<std::string, Tensor, std::less<>> collate(std::span<const Features* const> rows, std::int64_t pad_id) {
  const std::int64_t width = widest(rows);
  std::map<std::string, Tensor, std::less<>> feeds;
  feeds["input_ids"] = stacked(rows, &Features::ids, width, pad_id);
  feeds["attention_mask"] = stacked(rows, &Features::mask, width, 0);
  feeds["token_type_ids"] = stacked(rows, &Features::type_ids, width, 0);
  const auto has_positions = [](const Features* row) { return row->positions.has_value(); };
  if (std::ranges::any_of(rows, has_positions)) feeds["positions"] = stacked_positions(rows, most_masks(rows));
  return feeds;
}

std::vector<Outputs> split(std::span<const FloatArray> outputs, std::span<const TensorSpec> specs, const Sizes& sizes,
                           std::span<const Features* const> rows) {
  std::vector<Outputs> parts(rows.size());
  for (std::size_t n = 0; n < outputs.size(); ++n) {
    const Shape expected = expected_shape(specs[n], sizes, rows);
    if (outputs[n].shape != expected) {
      throw BackendError("the graph gave " + specs[n].name + " of shape " + spelt(outputs[n].shape) + ", expected " +
                         spelt(expected) + ": " + joined(specs[n].axes) + "; export the bundle again");
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      parts[i].emplace(specs[n].name, own_part(outputs[n], specs[n], i, *rows[i]));
    }
  }
  return parts;
}

}  // namespace bert_runtime
