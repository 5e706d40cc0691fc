// Sessions of the golden bundles: real BERTs of each head, small.
#pragma once

#include <string>

#include "bert_runtime/loading.h"

namespace golden {

inline std::string path(const std::string& task) { return std::string(BERT_RUNTIME_GOLDEN) + "/" + task; }

template <class T>
auto load(const bert_runtime::Options& options = {.threads = 1}) {
  return bert_runtime::load<T>(path(T::task().name), options);
}

}  // namespace golden
