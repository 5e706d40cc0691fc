#include "bert_runtime/errors.h"

#include <utility>

namespace bert_runtime {
namespace {

std::string message(const Problems& problems, std::optional<std::int64_t> index) {
  std::string message = index ? "request " + std::to_string(*index) + ": " : "";
  for (std::size_t i = 0; i < problems.size(); ++i) message += (i ? "; " : "") + problems[i].message;
  return message;
}

constexpr const char* kUnknown = "invalid";

/// The same, with another code where a sentence names no rule.
Problems coded(Problems problems, const char* code) {
  for (Problem& problem : problems) {
    if (problem.code == kUnknown) problem.code = code;
  }
  return problems;
}

}  // namespace

Problem::Problem(std::string sentence) : Problem(kUnknown, "", std::move(sentence)) {}
Problem::Problem(const char* sentence) : Problem(std::string(sentence)) {}
Problem::Problem(std::string broken, std::string breaks_it, std::string sentence)
    : code(std::move(broken)), field(std::move(breaks_it)), message(std::move(sentence)) {}

// Destructors live here so that the library holds the one copy of each class's type information: without it an
// exception could not be caught by its class on the other side of the library's border.
BertError::BertError(const Problem& problem) : BertError(problem.message, {problem}) {}
BertError::BertError(const std::string& message, Problems problems)
    : std::runtime_error(message), problems_(std::move(problems)) {}
BertError::~BertError() = default;
BundleError::~BundleError() = default;
ItemError::~ItemError() = default;
BackendError::~BackendError() = default;
InputError::~InputError() = default;
InternalError::~InternalError() = default;

ItemError::ItemError(const Problem& problem) : ItemError(Problems{problem}) {}

ItemError::ItemError(const Problems& problems, std::optional<std::int64_t> index)
    : BertError(message(problems, index), problems), index_(index) {}

BackendError::BackendError(const Problem& problem) : BackendError(Problems{problem}) {}
BackendError::BackendError(Problems problems, std::optional<std::int64_t> index)
    : ItemError(coded(std::move(problems), "engine"), index) {}

InternalError::InternalError(const Problem& problem) : InternalError(Problems{problem}) {}
InternalError::InternalError(Problems problems, std::optional<std::int64_t> index)
    : ItemError(coded(std::move(problems), "internal"), index) {}

InputError InputError::at(std::int64_t index) const { return InputError(problems(), index); }

void raise_input_problems(const Problems& problems) {
  if (!problems.empty()) throw InputError(problems);
}

}  // namespace bert_runtime
