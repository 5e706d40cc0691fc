// What is done to a text before it is cut into words.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "normalized.h"

namespace bert_runtime {

/// A normalizer of tokenizer.json. Never changes after it is made; safe in threads.
class Normalizer {
 public:
  Normalizer() = default;
  Normalizer(const Normalizer&) = delete;
  Normalizer& operator=(const Normalizer&) = delete;
  virtual ~Normalizer() = default;

  /// Changes `text`. `spare` is memory to work in: its content means nothing.
  virtual void apply(Normalized& text, Normalized& spare) const = 0;

  /// Bytes [from, to) of `original`, valid UTF-8, normalised into `text`.
  virtual void read(std::string_view original, std::size_t from, std::size_t to, Normalized& text,
                    Normalized& spare) const;
};

/// One after another; none at all leaves a text as it is.
class NormalizerSequence : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> parts = {});

  void apply(Normalized& text, Normalized& spare) const override;
  void read(std::string_view original, std::size_t from, std::size_t to, Normalized& text,
            Normalized& spare) const override;

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

/// What a normalizer makes of a whole text.
[[nodiscard]] std::string normalized(const Normalizer& normalizer, std::string_view text);

}  // namespace bert_runtime
