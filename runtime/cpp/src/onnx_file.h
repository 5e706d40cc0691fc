// What an ONNX file says of itself, read without onnx and before any engine sees it: its tensors and external files.
//
// Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "format_limits.h"

namespace bert_runtime {

/// Nothing known, a fixed size, or the name of a size that changes with the request.
using Dimension = std::variant<std::monostate, std::int64_t, std::string>;

/// An input or output of the graph; `dtype` is numpy's name, `shape` nothing where the file gives none.
struct GraphTensor {
  std::string name;
  std::string dtype;
  std::optional<std::vector<Dimension>> shape;
};

/// A tensor whose bytes [offset, offset + length) lie in the file `location`; no length: they run to its end.
struct ExternalData {
  std::string tensor;
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
};

/// `kind` is an AttributeProto.AttributeType, 0 where the attribute holds anything beside what the type says; `number` is
/// its integer, or the data type of its tensor.
struct Attribute {
  std::string name;
  std::int64_t kind = 0;
  std::int64_t number = 0;
};

/// An operator of the main graph with its tensors; the default domain is the empty one.
struct Node {
  std::string domain;
  std::string op_type;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<Attribute> attributes;
};

/// The outside of a model.
struct OnnxFile {
  std::optional<std::int64_t> opset;  ///< Of the default operator set; nothing where the file names none.
  std::vector<GraphTensor> inputs;    ///< Of the main graph; may include initializers, which are then defaults.
  std::vector<GraphTensor> outputs;
  std::set<std::string> initializers;  ///< The names of the main graph's initializers.
  std::vector<ExternalData> external;  ///< Every reference to another file, in subgraphs and functions too.
  std::set<std::string> operators;     ///< The name of every operator in use, without its domain.
  std::vector<Node> nodes;             ///< Of the main graph, in order.
  std::set<std::string> floats;        ///< The names of the inputs and initializers that are floating-point.
  std::set<std::string> extras;        ///< Beside nodes and dense tensors: functions, subgraphs, sparse tensors.
};

/// Looks into the ONNX file at `path`; tensors' payloads are not touched.
///
/// Throws BundleError: it is no ONNX model, is cut off, or exhausts its reader; the message begins with the name.
[[nodiscard]] OnnxFile read_onnx(const std::filesystem::path& path);

}  // namespace bert_runtime
