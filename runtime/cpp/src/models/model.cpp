#include "models/model.h"

#include "bert_runtime/errors.h"

namespace bert_runtime {

std::uint32_t unknown_id(const Vocabulary& vocabulary, std::string_view token) {
  const auto id = vocabulary.id(token);
  if (id) return *id;
  throw BundleError("the vocabulary lacks the unknown token '" + std::string(token) + "'; export the bundle again");
}

}  // namespace bert_runtime
