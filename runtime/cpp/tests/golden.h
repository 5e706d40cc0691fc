// Sessions of the golden bundles: real BERTs of each head, small.
#pragma once

#include <string>
#include <vector>

#include "bert_runtime/loading.h"

namespace golden {

/// A decoder that reads an encoder; the golden bundle of feature extraction is an encoder of its width.
inline const std::string kFromSource = "text-generation-from-source";

/// Two artefacts for one target, which share their weights: one for right-padded masks, one for any.
inline const std::string kByMask = "token-classification-by-mask";

/// A graph for rows that texts share beside the artefact's own.
inline const std::string kSequencePacking = "text-classification-sequence-packing";

/// Its texts are cut on the left, lower-cased, and given no types.
inline const std::string kTokenizerSettings = "text-classification-tokenizer-settings";

inline std::string path(const std::string& name) { return std::string(BERT_RUNTIME_GOLDEN) + "/" + name; }

/// Every golden bundle: one of each task, and those above.
inline std::vector<std::string> names() {
  std::vector<std::string> all = {kFromSource, kByMask, kSequencePacking, kTokenizerSettings};
  for (const bert_runtime::Task* task : bert_runtime::tasks()) all.push_back(task->name);
  return all;
}

template <class T>
auto load(const bert_runtime::Options& options = {.threads = 1}) {
  return bert_runtime::load<T>(path(T::task().name), options);
}

}  // namespace golden
