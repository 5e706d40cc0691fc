// What an item of a stream met, as a value: whatever was thrown while it was answered.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <variant>

#include "bert_runtime/errors.h"

namespace bert_runtime {

using ItemFailure = std::variant<InputError, BackendError, InternalError>;

/// `thrown` itself, where it is an ItemError; else an error that names it. Call it while `thrown` is handled.
[[nodiscard]] ItemFailure item_failure(const std::exception_ptr& thrown);

/// The same failure, with the request's position in its stream.
[[nodiscard]] ItemFailure at(const ItemFailure& failure, std::int64_t index);

[[noreturn]] void throw_failure(const ItemFailure& failure);

/// The failure in place of a result.
template <class Result>
[[nodiscard]] ItemAnswer<Result> answer_of(const ItemFailure& failure) {
  return std::visit([](const auto& error) { return ItemAnswer<Result>(error); }, failure);
}

/// What `work` returns, or what it throws.
template <class Result, class Work>
[[nodiscard]] ItemAnswer<Result> attempted(const Work& work) {
  try {
    return work();
  } catch (...) {
    return answer_of<Result>(item_failure(std::current_exception()));
  }
}

/// Why there is no result; nothing where there is one.
template <class Result>
[[nodiscard]] std::optional<ItemFailure> failure_of(const ItemAnswer<Result>& answer) {
  return std::visit(
      []<class Held>(const Held& held) -> std::optional<ItemFailure> {
        if constexpr (std::is_base_of_v<ItemError, Held>) {
          return held;
        } else {
          return std::nullopt;
        }
      },
      answer);
}

/// The answer at `index` of a stream in another form: what `work` makes of a result. What it throws is the item's own.
template <class Result, class Former, class Work>
[[nodiscard]] ItemAnswer<Result> converted(const ItemAnswer<Former>& answer, std::int64_t index, const Work& work) {
  if (const auto failure = failure_of<Former>(answer)) return answer_of<Result>(*failure);
  ItemAnswer<Result> made = attempted<Result>([&] { return work(std::get<Former>(answer)); });
  if (const auto failure = failure_of<Result>(made)) return answer_of<Result>(at(*failure, index));
  return made;
}

}  // namespace bert_runtime
