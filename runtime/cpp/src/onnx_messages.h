// The messages of an ONNX file that a BERT model's graph consists of: every field that a runtime lets pass.
//
// Made by tools/make_onnx_messages.py from bert_runtime/onnx_messages.py.
#pragma once

#include "protobuf.h"

namespace bert_runtime {

inline constexpr Message kModelProto("ModelProto", {
    {1, {1, true, false, 0, -1}},
    {2, {4, true, false, 0, -1}},
    {3, {4, true, false, 0, -1}},
    {4, {4, true, false, 0, -1}},
    {5, {1, true, false, 0, -1}},
    {6, {4, true, false, 0, -1}},
    {7, {4, true, false, 0, 1}},
    {8, {4, false, false, 0, 11}},
    {14, {4, false, false, 0, 12}},
    {25, {4, false, false, 0, 13}},
});

inline constexpr Message kGraphProto("GraphProto", {
    {1, {4, false, false, 0, 2}},
    {2, {4, true, false, 0, -1}},
    {5, {4, false, false, 0, 4}},
    {10, {4, true, false, 0, -1}},
    {11, {4, false, false, 0, 6}},
    {12, {4, false, false, 0, 6}},
    {13, {4, false, false, 0, 6}},
    {15, {4, false, false, 0, 5}},
    {16, {4, false, false, 0, 12}},
});

inline constexpr Message kNodeProto("NodeProto", {
    {1, {4, false, false, 0, -1}},
    {2, {4, false, false, 0, -1}},
    {3, {4, true, false, 0, -1}},
    {4, {4, true, false, 0, -1}},
    {5, {4, false, false, 0, 3}},
    {6, {4, true, false, 0, -1}},
    {7, {4, true, false, 0, -1}},
    {8, {4, true, false, 0, -1}},
    {9, {4, false, false, 0, 12}},
});

inline constexpr Message kAttributeProto("AttributeProto", {
    {1, {4, true, false, 0, -1}},
    {2, {32, true, false, 0, -1}},
    {3, {1, true, false, 0, -1}},
    {4, {4, true, false, 0, -1}},
    {5, {4, true, false, 0, 4}},
    {6, {4, true, false, 0, 1}},
    {7, {36, false, false, 4, -1}},
    {8, {5, false, false, 1, -1}},
    {9, {4, false, false, 0, -1}},
    {10, {4, false, false, 0, 4}},
    {11, {4, false, false, 0, 1}},
    {13, {4, true, false, 0, -1}},
    {14, {4, true, false, 0, 7}},
    {15, {4, false, false, 0, 7}},
    {20, {1, true, true, 0, -1}},
    {21, {4, true, false, 0, -1}},
    {22, {4, true, false, 0, 5}},
    {23, {4, false, false, 0, 5}},
});

inline constexpr Message kTensorProto("TensorProto", {
    {1, {5, false, false, 1, -1}},
    {2, {1, true, true, 0, -1}},
    {4, {36, false, false, 4, -1}},
    {5, {5, false, true, 1, -1}},
    {6, {4, false, false, 0, -1}},
    {7, {5, false, false, 1, -1}},
    {8, {4, true, false, 0, -1}},
    {9, {4, true, false, 0, -1}},
    {10, {6, false, false, 8, -1}},
    {11, {5, false, false, 1, -1}},
    {12, {4, true, false, 0, -1}},
    {13, {4, false, false, 0, 12}},
    {14, {1, true, true, 0, -1}},
    {16, {4, false, false, 0, 12}},
});

inline constexpr Message kSparseTensorProto("SparseTensorProto", {
    {1, {4, true, false, 0, 4}},
    {2, {4, true, false, 0, 4}},
    {3, {5, false, false, 1, -1}},
});

inline constexpr Message kValueInfoProto("ValueInfoProto", {
    {1, {4, true, false, 0, -1}},
    {2, {4, true, false, 0, 7}},
    {3, {4, true, false, 0, -1}},
    {4, {4, false, false, 0, 12}},
});

inline constexpr Message kTypeProto("TypeProto", {
    {1, {4, true, false, 0, 8}},
    {6, {4, true, false, 0, -1}},
});

inline constexpr Message kTypeProtoTensor("TypeProto.Tensor", {
    {1, {1, true, true, 0, -1}},
    {2, {4, true, false, 0, 9}},
});

inline constexpr Message kTensorShapeProto("TensorShapeProto", {
    {1, {4, false, false, 0, 10}},
});

inline constexpr Message kTensorShapeProtoDimension("TensorShapeProto.Dimension", {
    {1, {1, true, false, 0, -1}},
    {2, {4, true, false, 0, -1}},
    {3, {4, true, false, 0, -1}},
});

inline constexpr Message kOperatorSetIdProto("OperatorSetIdProto", {
    {1, {4, true, false, 0, -1}},
    {2, {1, true, false, 0, -1}},
});

inline constexpr Message kStringStringEntryProto("StringStringEntryProto", {
    {1, {4, true, false, 0, -1}},
    {2, {4, true, false, 0, -1}},
});

inline constexpr Message kFunctionProto("FunctionProto", {
    {1, {4, true, false, 0, -1}},
    {4, {4, false, false, 0, -1}},
    {5, {4, false, false, 0, -1}},
    {6, {4, false, false, 0, -1}},
    {7, {4, false, false, 0, 2}},
    {8, {4, true, false, 0, -1}},
    {9, {4, false, false, 0, 11}},
    {10, {4, true, false, 0, -1}},
    {11, {4, false, false, 0, 3}},
    {12, {4, false, false, 0, 6}},
    {13, {4, true, false, 0, -1}},
    {14, {4, false, false, 0, 12}},
});

/// What `FieldRule::message` is an index into.
inline constexpr const Message* kMessages[] = {
    &kModelProto, &kGraphProto, &kNodeProto, &kAttributeProto, &kTensorProto, &kSparseTensorProto, &kValueInfoProto, &kTypeProto, &kTypeProtoTensor, &kTensorShapeProto, &kTensorShapeProtoDimension, &kOperatorSetIdProto, &kStringStringEntryProto, &kFunctionProto};

}  // namespace bert_runtime
