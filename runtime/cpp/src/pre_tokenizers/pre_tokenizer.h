// How a normalised text is cut into words.
#pragma once

#include <memory>
#include <vector>

#include "normalized.h"

namespace bert_runtime {

/// A text and the parts of it that will be words. Memory of one call, used again for each part of its text.
class Words {
 public:
  /// One word: a part of `text`, which must live as long as this is used.
  void start(const Normalized& text, Range part);

  [[nodiscard]] const Normalized& text() const { return *text_; }
  [[nodiscard]] const std::vector<Range>& parts() const { return parts_; }

  /// Cuts every part: `cut` gets each, and adds the parts of it with `keep`.
  template <class Cut>
  void cut_each(Cut cut) {
    next_.clear();
    for (const Range& part : parts_) cut(part);
    parts_.swap(next_);
  }

  /// Adds a part, unless it is empty; only within `cut_each` and `rewrite`.
  void keep(Range part) {
    if (part.begin < part.end) next_.push_back(part);
  }

  /// Writes a new text: `write` gets each part and the new text, to which it adds, and keeps its parts.
  template <class Write>
  void rewrite(Write write) {
    Normalized& out = text_ == buffers_ ? buffers_[1] : buffers_[0];
    out.clear();
    next_.clear();
    for (const Range& part : parts_) write(part, out);
    parts_.swap(next_);
    text_ = &out;
  }

 private:
  const Normalized* text_ = nullptr;
  std::vector<Range> parts_, next_;
  Normalized buffers_[2];
};

/// A pre-tokenizer of tokenizer.json. Never changes after it is made; safe in threads.
class PreTokenizer {
 public:
  PreTokenizer() = default;
  PreTokenizer(const PreTokenizer&) = delete;
  PreTokenizer& operator=(const PreTokenizer&) = delete;
  virtual ~PreTokenizer() = default;

  virtual void cut(Words& words) const = 0;
};

/// One after another; none at all leaves one word.
class PreTokenizerSequence : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<PreTokenizer>> parts = {}) : parts_(std::move(parts)) {}

  void cut(Words& words) const override;

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

}  // namespace bert_runtime
