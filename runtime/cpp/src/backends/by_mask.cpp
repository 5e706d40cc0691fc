#include "backends/by_mask.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <variant>

namespace bert_runtime {
namespace {

bool is_right_padded(std::span<const std::int64_t> row) {
  const auto padding = std::ranges::find_if(row, [](std::int64_t value) { return value != 1; });
  return padding != row.begin() && std::all_of(padding, row.end(), [](std::int64_t value) { return value == 0; });
}

}  // namespace

std::optional<std::int64_t> first_not_right_padded(const Input& mask) {
  const auto values = std::get<std::span<const std::int64_t>>(mask.values);
  const auto length = static_cast<std::size_t>(mask.shape.back());
  for (std::size_t start = 0; length && start + length <= values.size(); start += length) {
    if (!is_right_padded(values.subspan(start, length))) return static_cast<std::int64_t>(start / length);
  }
  return std::nullopt;
}

EngineByMask::EngineByMask(std::shared_ptr<const Engine> right_padded, Start start_any)
    : right_padded_(std::move(right_padded)), start_any_(std::move(start_any)) {}

std::vector<FloatArray> EngineByMask::run(std::span<const Input> feeds, std::span<const std::string> fetch) const {
  return engine(feeds).run(feeds, fetch);
}

void EngineByMask::run_into(std::span<const Input> feeds, std::span<const Output> outputs) const {
  engine(feeds).run_into(feeds, outputs);
}

const Engine& EngineByMask::engine(std::span<const Input> feeds) const {
  const auto mask = std::ranges::find(feeds, "attention_mask", &Input::name);
  if (mask != feeds.end() && !first_not_right_padded(*mask)) return *right_padded_;
  const std::lock_guard lock(mutex_);
  if (!any_) any_ = start_any_();
  return *any_;
}

}  // namespace bert_runtime
