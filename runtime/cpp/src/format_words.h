// Made by tools/make_format_tables.py from bert_runtime: change it there.
#pragma once

#include <string>
#include <vector>

namespace bert_runtime {

inline const std::vector<std::string> kPrecisions = {"fp32", "fp16", "bf16", "int8"};
inline const std::vector<std::string> kMasks = {"any", "right_padded"};
inline const std::vector<std::string> kDtypes = {"int64", "int32", "float32", "float16", "bool"};
inline const std::vector<std::string> kProblemTypeNames = {"single_label_classification", "multi_label_classification", "regression"};
inline const std::vector<std::string> kPoolingNames = {"mean", "cls", "pooler", "max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens"};
inline const std::vector<std::string> kFirstPoolings = {"mean", "cls", "pooler"};
inline const std::vector<std::string> kSpecialNames = {"cls", "mask", "pad", "sep", "unk"};
inline const std::vector<std::string> kActivationNames = {"none", "sigmoid", "softmax"};
inline const std::vector<std::string> kTruncationSides = {"right", "left"};
inline const std::vector<std::string> kRequestAxes = {"batch", "choices", "masks", "past", "sequence", "source", "sources", "texts", "total"};
inline const std::vector<std::string> kShapeOperators = {"Add", "Cast", "Concat", "Constant", "ConstantOfShape", "Div", "Equal", "Expand", "Flatten", "Gather", "Identity", "MemcpyFromHost", "MemcpyToHost", "Mul", "Range", "ReduceProd", "ReduceSum", "Reshape", "Shape", "Size", "Slice", "Squeeze", "Sub", "Unsqueeze", "Where"};

}  // namespace bert_runtime
