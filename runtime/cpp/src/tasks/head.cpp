#include "bert_runtime/tasks/head.h"

#include <utility>

namespace bert_runtime {

HeadBase::HeadBase(TextEncoder text, HeadSettings settings) : text_(std::move(text)), settings_(std::move(settings)) {}

}  // namespace bert_runtime
