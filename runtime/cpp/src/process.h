// The process that threads belong to: a fork copies the memory of an engine, and none of its threads.
#pragma once

#include <sys/types.h>

namespace bert_runtime {

/// The process in which something was made.
class Process {
 public:
  Process();

  /// Whether this is that process.
  [[nodiscard]] bool is_here() const;

  /// Throws BackendError: this process was forked from the one that loaded the session; it would wait for ever.
  void check() const;

 private:
  pid_t pid_;
};

}  // namespace bert_runtime
