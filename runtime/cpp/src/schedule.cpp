#include "bert_runtime/schedule.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>
#include <utility>

#include "bert_runtime/errors.h"
#include "in_json.h"
#include "texts.h"

namespace bert_runtime {
namespace {

using Rows = std::span<const Features* const>;
using Sizes = std::map<std::string, std::int64_t>;

std::int64_t widest(Rows rows) { return (*std::ranges::max_element(rows, {}, &Features::sequence))->sequence(); }

std::int64_t most_masks(Rows rows) { return (*std::ranges::max_element(rows, {}, &Features::masks))->masks(); }

/// Stacks rows of several lines each, each line padded to `width`.
Tensor stacked(Rows rows, std::vector<std::int64_t> Features::* member, std::int64_t width, std::int64_t value) {
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
Shape expected_shape(const TensorSpec& spec, const Sizes& sizes, Rows rows, std::int64_t least) {
  const Sizes own = {{"batch", static_cast<std::int64_t>(rows.size())},
                     {"choices", rows.front()->choices},
                     {"sequence", std::max(least, widest(rows))},
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
  return rows <= limits.max_batch_size && whole <= limits.max_batch_tokens &&
         static_cast<double>(whole - own) <= allowed;
}

bool is_coarse(const BatchLimits& limits) { return limits.pad_to_multiple_of.value_or(1) > 1; }

std::int64_t rounded_up(std::int64_t number, std::int64_t multiple) {
  return (number + multiple - 1) / multiple * multiple;
}

/// From a round number to the next.
std::int64_t step_of(std::int64_t number) {
  const auto digits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(number)));
  return std::int64_t{1} << std::max(0, digits - 3);
}

std::int64_t round_width(std::int64_t length, const BatchLimits& limits) {
  return is_coarse(limits) ? rounded_up(length, rounded_up(step_of(length), *limits.pad_to_multiple_of)) : length;
}

/// Tokens of a row in a batch of rows that are no longer.
std::int64_t size_of(const Features& row, const BatchLimits& limits) {
  return std::max<std::int64_t>(row.choices, 1) * round_width(row.sequence(), limits);
}

/// How many of the first rows are one batch; they are sorted, so that the last decides the width.
std::size_t together(Rows rows, const BatchLimits& limits) {
  std::int64_t own = 0;  // tokens without padding, but for what widths are rounded up by
  std::size_t count = 0;
  for (const Features* row : rows) {
    const std::int64_t size = size_of(*row, limits);
    own += size;
    const bool is_alike = row->choices == rows.front()->choices;
    if (count > 0 && !(is_alike && fits(limits, static_cast<std::int64_t>(count) + 1, size, own))) break;
    ++count;
  }
  if (!is_coarse(limits)) return count;
  for (std::size_t kept = count; kept > 1; --kept) {
    const std::int64_t tokens = static_cast<std::int64_t>(kept) * size_of(*rows[kept - 1], limits);
    if (tokens % step_of(tokens) == 0) return kept;
  }
  return 1;
}

}  // namespace

std::int64_t width_of(std::int64_t length, std::int64_t most, const BatchLimits& limits) {
  return std::max(length, std::min(round_width(length, limits), most));
}

std::vector<Problem> BatchLimits::problems() const {
  Problems found;
  const auto note = [&](const std::string& name, const std::string& got, const char* least) {
    found.push_back({"out-of-range", name, name + " is " + got + ", expected at least " + least});
  };
  if (max_batch_tokens < 1) note("max_batch_tokens", std::to_string(max_batch_tokens), "1");
  if (max_batch_size < 1) note("max_batch_size", std::to_string(max_batch_size), "1");
  if (!(max_padding >= 0)) note("max_padding", in_json(max_padding), "0");
  if (pad_to_multiple_of.value_or(1) < 1) note("pad_to_multiple_of", std::to_string(*pad_to_multiple_of), "1");
  if (!(max_wait >= 0)) note("max_wait", in_json(max_wait), "0");
  return found;
}

std::vector<std::vector<std::size_t>> plan(std::span<const Features* const> features, const BatchLimits& limits) {
  std::vector<std::size_t> order(features.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t i) {
    return std::tuple(features[i]->choices, features[i]->sequence(), features[i]->masks());
  };
  std::ranges::stable_sort(order, {}, key);
  std::vector<const Features*> sorted;
  for (const std::size_t i : order) sorted.push_back(features[i]);
  std::vector<std::vector<std::size_t>> batches;
  for (std::size_t begun = 0; begun < order.size();) {
    const std::size_t count = together(std::span(sorted).subspan(begun), limits);
    const auto first = order.begin() + static_cast<std::ptrdiff_t>(begun);
    batches.emplace_back(first, first + static_cast<std::ptrdiff_t>(count));
    begun += count;
  }
  std::ranges::reverse(batches);
  return batches;
}

std::map<std::string, Tensor, std::less<>> collate(std::span<const Features* const> rows, std::int64_t pad_id,
                                                   std::int64_t least) {
  const std::int64_t width = std::max(least, widest(rows));
  std::map<std::string, Tensor, std::less<>> feeds;
  feeds["input_ids"] = stacked(rows, &Features::ids, width, pad_id);
  feeds["attention_mask"] = stacked(rows, &Features::mask, width, 0);
  feeds["token_type_ids"] = stacked(rows, &Features::type_ids, width, 0);
  const auto has_positions = [](const Features* row) { return row->positions.has_value(); };
  if (std::ranges::any_of(rows, has_positions)) feeds["positions"] = stacked_positions(rows, most_masks(rows));
  return feeds;
}

std::vector<Outputs> split(std::span<const FloatArray> outputs, std::span<const TensorSpec> specs, const Sizes& sizes,
                           std::span<const Features* const> rows, std::int64_t least) {
  std::vector<Outputs> parts(rows.size());
  for (std::size_t n = 0; n < outputs.size(); ++n) {
    const Shape expected = expected_shape(specs[n], sizes, rows, least);
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
