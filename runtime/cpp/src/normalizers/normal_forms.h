// NFC, NFD, NFKC and NFKD.
#pragma once

#include "normalizers/normalizer.h"

namespace bert_runtime {

/// One of Unicode's normal forms.
class NormalForm : public Normalizer {
 public:
  /// `compatible` is the K of its name, `composes` the C.
  NormalForm(bool compatible, bool composes) : compatible_(compatible), composes_(composes) {}

  void apply(Normalized& text, Normalized& spare) const override;

 private:
  [[nodiscard]] bool changes(std::string_view text) const;

  bool compatible_, composes_;
};

}  // namespace bert_runtime
