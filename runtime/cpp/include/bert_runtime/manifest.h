// What a bundle says of itself: `manifest.json` as values. BUNDLE.md is the specification.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bert_runtime/limits.h"
#include "bert_runtime/task.h"
#include "bert_runtime/tensor.h"
#include "bert_runtime/text.h"

namespace bert_runtime {

inline constexpr const char* kFormat = "bert-export-bundle";

/// The contract of a graph that answers masks of ones, then zeros, and no other mask right.
inline constexpr const char* kRightPadded = "right_padded";

/// One ONNX file: its name in the bundle, its external data files, and its tensors in order; see Artefact.
struct Graph {
  std::string file;
  std::vector<std::string> data;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

/// One graph for one kind of engine; of a decoder that reads an encoder two, and two where texts can share a row.
struct Artefact {
  std::string target;              ///< cpu, cuda, tensorrt, openvino or portable.
  std::string precision;           ///< fp32, fp16, bf16 or int8.
  std::string file;                ///< The ONNX file's name in the bundle.
  std::vector<std::string> data;   ///< Its external data files.
  std::vector<TensorSpec> inputs;  ///< In order, with dtypes and named axes.
  std::vector<TensorSpec> outputs;
  std::string mask;        ///< Which attention masks the graph answers right: any, or right_padded.
  std::int64_t opset = 0;  ///< The version of the default ONNX operator set.
  bool plain = false;      ///< Whether the signature is exactly that of the class in transformers.
  std::optional<Graph>
      cross_kv_graph;  ///< What turns an encoder's states into inputs of this graph; nothing: none is read.
  std::optional<Graph>
      sequence_packing;  ///< What answers the same for several texts in a row; no engine here gains by it.

  /// The artefact's own graph, and those of the source and of sequence packing where there are any.
  [[nodiscard]] std::vector<Graph> graphs() const {
    std::vector<Graph> all = {{file, data, inputs, outputs}};
    if (cross_kv_graph) all.push_back(*cross_kv_graph);
    if (sequence_packing) all.push_back(*sequence_packing);
    return all;
  }
};

/// The size in bytes and the SHA-256 (hexadecimal) of one file of the bundle.
struct FileRecord {
  std::int64_t size = 0;
  std::string sha256;
};

/// The whole of `manifest.json` but its reports (provenance, verification, quality), which no answer needs.
struct Manifest {
  std::int64_t version = 0;
  std::string task;
  HeadSettings settings;
  std::map<std::string, std::int64_t> sizes;  ///< Axes that belong to the checkpoint (hidden, labels, ...).
  TokenizerRecord tokenizer;
  std::vector<Artefact> artefacts;          ///< At least one.
  std::map<std::string, FileRecord> files;  ///< Every file of the bundle but the manifest itself.
};

}  // namespace bert_runtime
