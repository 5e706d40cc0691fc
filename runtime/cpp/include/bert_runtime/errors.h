// Every error this library throws on purpose. A message says what was got, what was expected, and what to do.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "bert_runtime/export.h"

namespace bert_runtime {

/// The root: `catch (const BertError&)` takes whatever this library says of its inputs, its engines and itself.
class BERT_RUNTIME_API BertError : public std::runtime_error {
 public:
  explicit BertError(const std::string& message);
  BertError(const BertError&) = default;
  BertError& operator=(const BertError&) = default;
  ~BertError() override;
};

/// A bundle directory that breaks the format of BUNDLE.md.
class BERT_RUNTIME_API BundleError : public BertError {
 public:
  using BertError::BertError;
  BundleError(const BundleError&) = default;
  BundleError& operator=(const BundleError&) = default;
  ~BundleError() override;
};

/// What one item of a stream may meet: why it has no answer, with every problem, and its place in the stream.
class BERT_RUNTIME_API ItemError : public BertError {
 public:
  explicit ItemError(const std::string& problem);
  explicit ItemError(std::vector<std::string> problems, std::optional<std::int64_t> index = std::nullopt);
  ItemError(const ItemError&) = default;
  ItemError& operator=(const ItemError&) = default;
  ~ItemError() override;

  /// One sentence for each problem.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

  /// The request's position in the stream that `predict` was given, from 0; nothing outside a stream, and where the
  /// fault is not an item's.
  [[nodiscard]] std::optional<std::int64_t> index() const { return index_; }

 private:
  std::vector<std::string> problems_;
  std::optional<std::int64_t> index_;
};

/// An engine that is missing, too old, or unable to run an artefact, on any input or on this.
class BERT_RUNTIME_API BackendError : public ItemError {
 public:
  using ItemError::ItemError;
  BackendError(const BackendError&) = default;
  BackendError& operator=(const BackendError&) = default;
  ~BackendError() override;
};

/// A request that cannot be answered; holds every problem found, and the request's place in its stream.
class BERT_RUNTIME_API InputError : public ItemError {
 public:
  using ItemError::ItemError;
  InputError(const InputError&) = default;
  InputError& operator=(const InputError&) = default;
  ~InputError() override;

  /// The same error, with the request's position in its stream.
  [[nodiscard]] InputError at(std::int64_t index) const;
};

/// A fault of this library that one item of a stream brought to light. Please report it.
class BERT_RUNTIME_API InternalError : public ItemError {
 public:
  using ItemError::ItemError;
  InternalError(const InternalError&) = default;
  InternalError& operator=(const InternalError&) = default;
  ~InternalError() override;
};

/// What an item of a stream gets: a result, or why there is none.
template <class Result>
using ItemAnswer = std::variant<Result, InputError, BackendError, InternalError>;

/// Why there is none; null where there is one.
template <class Result>
[[nodiscard]] const ItemError* error_of(const ItemAnswer<Result>& answer) {
  return std::visit(
      []<class Held>(const Held& held) -> const ItemError* {
        if constexpr (std::is_base_of_v<ItemError, Held>) {
          return &held;
        } else {
          return nullptr;
        }
      },
      answer);
}

/// Throws one InputError that tells every problem; does nothing when there is none.
BERT_RUNTIME_API void raise_input_problems(std::vector<std::string> problems);

}  // namespace bert_runtime
