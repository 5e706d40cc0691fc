// Lines of a pipe or a terminal: read in a thread, so that what has come is answered while the next is waited for.
#pragma once

#include <istream>
#include <memory>
#include <optional>

#include "readers.h"

namespace bert_runtime::cli {

/// The records of a reader. Where it may block, a thread of its own reads them, a bounded number ahead. The thread lives
/// as long as the reader waits, also after this object, and owns what it reads from.
class LiveLines {
 public:
  /// `stream` is what `reader` reads from; nothing where it lives as long as the process.
  LiveLines(std::unique_ptr<Reader> reader, std::shared_ptr<std::istream> stream, bool may_block);
  LiveLines(const LiveLines&) = delete;
  LiveLines& operator=(const LiveLines&) = delete;
  ~LiveLines();

  /// The next record, waited for; nothing at the end. Throws what the reader throws.
  std::optional<Line> next();

  /// Whether `next` may have to wait: there is nothing yet after a hundredth of a second.
  [[nodiscard]] bool is_due();

 private:
  struct State;

  std::shared_ptr<State> state_;
  bool may_block_;
};

}  // namespace bert_runtime::cli
