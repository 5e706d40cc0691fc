// Normalizers that look at one character at a time, or at the ends of a text: Lowercase, StripAccents, Strip, Prepend.
#pragma once

#include <string>

#include "normalizers/normalizer.h"

namespace bert_runtime {

/// Lower case of every code point by itself: no rule for the final sigma.
class Lowercase : public Normalizer {
 public:
  void apply(Normalized& text, Normalized& spare) const override;
};

/// Removes every mark (general category M). It decomposes nothing.
class StripAccents : public Normalizer {
 public:
  void apply(Normalized& text, Normalized& spare) const override;
};

/// Removes spaces at the ends.
class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(Normalized& text, Normalized& spare) const override;

 private:
  bool left_, right_;
};

/// Puts a string before a text that is not empty.
class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string start) : start_(std::move(start)) {}
  void apply(Normalized& text, Normalized& spare) const override;

 private:
  std::string start_;
};

/// Appends part of a text with a string before it, which has the place of the first character of the part.
void append_prepended(std::string_view start, const Normalized& text, Range part, Normalized& out);

}  // namespace bert_runtime
