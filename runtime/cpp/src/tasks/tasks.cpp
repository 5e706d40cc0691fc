#include "bert_runtime/tasks/tasks.h"

#include <algorithm>
#include <array>
#include <string>

#include "bert_runtime/errors.h"
#include "in_json.h"

namespace bert_runtime {
namespace {

std::string names(const Task& task) {
  std::string all = task.name;
  for (const std::string& alias : task.aliases) all += " = " + alias;
  return all;
}

}  // namespace

std::span<const Task* const> tasks() {
#define BERT_RUNTIME_ADDRESS(T) &T::task(),
  static const std::array all = {BERT_RUNTIME_TASKS(BERT_RUNTIME_ADDRESS)};
#undef BERT_RUNTIME_ADDRESS
  return all;
}

const Task& find_task(std::string_view name) {
  std::string known;
  for (const Task* task : tasks()) {
    if (name == task->name || std::ranges::find(task->aliases, name) != task->aliases.end()) return *task;
    known += (known.empty() ? "" : ", ") + names(*task);
  }
  throw InputError(Problem("unknown-task", "task", "unknown task " + in_json(name) + "; the tasks are " + known));
}

}  // namespace bert_runtime
