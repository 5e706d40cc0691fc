// Pre-tokenizers that cut where the class of a character says so: Whitespace, WhitespaceSplit, Punctuation, Digits.
#pragma once

#include "pre_tokenizers/matches.h"

namespace bert_runtime {

/// Words are runs of word characters, and runs of others that are no spaces.
class Whitespace : public PreTokenizer {
 public:
  void cut(Words& words) const override;
};

/// Words are what spaces separate.
class WhitespaceSplit : public PreTokenizer {
 public:
  void cut(Words& words) const override;
};

/// Cuts at each punctuation.
class Punctuation : public PreTokenizer {
 public:
  explicit Punctuation(Behavior behavior) : behavior_(behavior) {}
  void cut(Words& words) const override;

 private:
  Behavior behavior_;
};

/// Cuts runs of digits off, or each of them.
class Digits : public PreTokenizer {
 public:
  explicit Digits(bool individual) : individual_(individual) {}
  void cut(Words& words) const override;

 private:
  bool individual_;
};

}  // namespace bert_runtime
