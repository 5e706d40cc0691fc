#include "normalizers/normalizer.h"

#include <utility>

namespace bert_runtime {

void Normalizer::read(std::string_view original, std::size_t from, std::size_t to, Normalized& text,
                      Normalized& spare) const {
  text.assign(original, from, to);
  apply(text, spare);
}

NormalizerSequence::NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}

void NormalizerSequence::apply(Normalized& text, Normalized& spare) const {
  for (const auto& part : parts_) part->apply(text, spare);
}

void NormalizerSequence::read(std::string_view original, std::size_t from, std::size_t to, Normalized& text,
                              Normalized& spare) const {
  if (parts_.empty()) return text.assign(original, from, to);
  parts_.front()->read(original, from, to, text, spare);
  for (std::size_t i = 1; i < parts_.size(); ++i) parts_[i]->apply(text, spare);
}

std::string normalized(const Normalizer& normalizer, std::string_view text) {
  Normalized out, spare;
  normalizer.read(text, 0, text.size(), out, spare);
  return std::move(out.text);
}

}  // namespace bert_runtime
