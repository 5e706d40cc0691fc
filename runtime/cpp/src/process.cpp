#include "process.h"

#include <unistd.h>

#include <string>

#include "bert_runtime/errors.h"

namespace bert_runtime {

Process::Process() : pid_(getpid()) {}

bool Process::is_here() const { return getpid() == pid_; }

void Process::check() const {
  if (is_here()) return;
  throw BackendError("the session was loaded in process " + std::to_string(pid_) +
                     ", and this one was forked from it without the threads of its engine; load the bundle after the "
                     "fork");
}

}  // namespace bert_runtime
