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

}  // namespace bert_runtime
