// What every head holds: the bundle's tokenizer and the settings of its manifest.
#pragma once

#include <string>
#include <vector>

#include "bert_runtime/export.h"
#include "bert_runtime/task.h"
#include "bert_runtime/text.h"

namespace bert_runtime {

/// A task bound to one bundle. A value: copies share the tokenizer. Holds no state of a request, so that its const
/// functions, and those of the heads that derive from it, are safe in threads.
class BERT_RUNTIME_API HeadBase {
 public:
  HeadBase(TextEncoder text, HeadSettings settings);

  /// Which of a graph's outputs `decode` reads, of those that there are: all, unless a head says otherwise.
  [[nodiscard]] std::vector<std::string> fetch(const std::vector<std::string>& available) const { return available; }

  /// The tokenizer; lives as long as the head.
  [[nodiscard]] const TextEncoder& text() const { return text_; }

  /// What the manifest keeps for this head; lives as long as the head.
  [[nodiscard]] const HeadSettings& settings() const { return settings_; }

 private:
  TextEncoder text_;
  HeadSettings settings_;
};

}  // namespace bert_runtime
