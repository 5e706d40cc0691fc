#include "bert_runtime/errors.h"

#include <utility>

namespace bert_runtime {
namespace {

std::string message(const std::vector<std::string>& problems, std::optional<std::int64_t> index) {
  std::string message = index ? "request " + std::to_string(*index) + ": " : "";
  for (std::size_t i = 0; i < problems.size(); ++i) message += (i ? "; " : "") + problems[i];
  return message;
}

}  // namespace

// Destructors live here so that the library holds the one copy of each class's type information: without it an
// exception could not be caught by its class on the other side of the library's border.
BertError::BertError(const std::string& message) : std::runtime_error(message) {}
BertError::~BertError() = default;
BundleError::~BundleError() = default;
ItemError::~ItemError() = default;
BackendError::~BackendError() = default;
InputError::~InputError() = default;
InternalError::~InternalError() = default;

ItemError::ItemError(const std::string& problem) : ItemError(std::vector{problem}) {}

ItemError::ItemError(std::vector<std::string> problems, std::optional<std::int64_t> index)
    : BertError(message(problems, index)), problems_(std::move(problems)), index_(index) {}

InputError InputError::at(std::int64_t index) const { return InputError(problems(), index); }

void raise_input_problems(std::vector<std::string> problems) {
  if (!problems.empty()) throw InputError(std::move(problems));
}

}  // namespace bert_runtime
