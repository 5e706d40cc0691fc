// Every error this library throws on purpose. A message says what was got, what was expected, and what to do.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert_runtime/export.h"

namespace bert_runtime {

/// The root: `catch (const BertError&)` takes whatever is not a bug of ours, nor std::bad_alloc.
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

/// An engine that is missing, too old, or unable to run an artefact.
class BERT_RUNTIME_API BackendError : public BertError {
 public:
  using BertError::BertError;
  BackendError(const BackendError&) = default;
  BackendError& operator=(const BackendError&) = default;
  ~BackendError() override;
};

/// A request that cannot be answered; holds every problem found, and the request's place in its stream.
class BERT_RUNTIME_API InputError : public BertError {
 public:
  explicit InputError(const std::string& problem);
  explicit InputError(std::vector<std::string> problems, std::optional<std::int64_t> index = std::nullopt);
  InputError(const InputError&) = default;
  InputError& operator=(const InputError&) = default;
  ~InputError() override;

  /// One sentence for each problem.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

  /// The request's position in the stream that `predict` was given, from 0; nothing outside a stream.
  [[nodiscard]] std::optional<std::int64_t> index() const { return index_; }

  /// The same error, with the request's position in its stream.
  [[nodiscard]] InputError at(std::int64_t index) const;

 private:
  std::vector<std::string> problems_;
  std::optional<std::int64_t> index_;
};

/// Throws one InputError that tells every problem; does nothing when there is none.
BERT_RUNTIME_API void raise_input_problems(std::vector<std::string> problems);

}  // namespace bert_runtime
