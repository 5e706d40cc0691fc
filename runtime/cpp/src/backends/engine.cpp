#include "bert_runtime/backends/engine.h"

namespace bert_runtime {

Engine::~Engine() = default;

}  // namespace bert_runtime
