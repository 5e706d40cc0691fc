// BertNormalizer: cleans a text, cuts Chinese characters off, strips accents, lower-cases.
#pragma once

#include <string_view>

#include "normalizers/normalizer.h"

namespace bert_runtime {

/// What BertNormalizer does, in this order. `strip_accents` is already what null means: the same as `lowercase`.
struct BertSettings {
  bool clean_text = false;
  bool handle_chinese_chars = false;
  bool strip_accents = false;
  bool lowercase = false;
};

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(const BertSettings& settings) : settings_(settings) {}

  void apply(Normalized& text, Normalized& spare) const override;
  void read(std::string_view original, std::size_t from, std::size_t to, Normalized& text,
            Normalized& spare) const override;

 private:
  BertSettings settings_;
};

}  // namespace bert_runtime
