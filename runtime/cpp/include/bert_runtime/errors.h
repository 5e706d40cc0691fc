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

/// One thing that is wrong. Programs go by `code` and `field`, which are the same in both runtimes, as the words are not.
struct BERT_RUNTIME_API Problem {
  std::string code;   ///< The rule that is broken, in a few words with hyphens, such as `wrong-type`; does not change.
  std::string field;  ///< What breaks it, such as `choices[2]`; empty where it is the whole.
  std::string message;  ///< What was got, what was expected, and what to do.

  /// A sentence that names no rule of its own: its code is `invalid`.
  Problem(std::string sentence);  // NOLINT(google-explicit-constructor)
  Problem(const char* sentence);  // NOLINT(google-explicit-constructor)
  Problem(std::string broken, std::string breaks_it, std::string sentence);

  bool operator==(const Problem&) const = default;
};

using Problems = std::vector<Problem>;

/// The root: `catch (const BertError&)` takes whatever this library says of its inputs, its engines and itself.
class BERT_RUNTIME_API BertError : public std::runtime_error {
 public:
  explicit BertError(const Problem& problem);

  /// `message` tells all the problems.
  BertError(const std::string& message, Problems problems);
  BertError(const BertError&) = default;
  BertError& operator=(const BertError&) = default;
  ~BertError() override;

  /// Everything that is wrong; never empty.
  [[nodiscard]] const Problems& problems() const { return problems_; }

 private:
  Problems problems_;
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
  explicit ItemError(const Problem& problem);
  explicit ItemError(const Problems& problems, std::optional<std::int64_t> index = std::nullopt);
  ItemError(const ItemError&) = default;
  ItemError& operator=(const ItemError&) = default;
  ~ItemError() override;

  /// The request's position in the stream that `predict` was given, from 0; nothing outside a stream, and where the
  /// fault is not an item's.
  [[nodiscard]] std::optional<std::int64_t> index() const { return index_; }

 private:
  std::optional<std::int64_t> index_;
};

/// An engine that is missing, too old, or unable to run an artefact, on any input or on this.
class BERT_RUNTIME_API BackendError : public ItemError {
 public:
  /// A sentence that names no rule has the code `engine`.
  explicit BackendError(const Problem& problem);
  explicit BackendError(Problems problems, std::optional<std::int64_t> index = std::nullopt);
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
  /// A sentence that names no rule has the code `internal`.
  explicit InternalError(const Problem& problem);
  explicit InternalError(Problems problems, std::optional<std::int64_t> index = std::nullopt);
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
BERT_RUNTIME_API void raise_input_problems(const Problems& problems);

}  // namespace bert_runtime
