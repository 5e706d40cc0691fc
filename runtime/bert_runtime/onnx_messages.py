"""The messages of an ONNX file that a BERT model's graph consists of: every field that a runtime lets pass.

Numbers and kinds are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; a test compares them. Left out,
and therefore refused, is what no such graph has: training, types other than tensors, tensors in segments, quantisation
annotations and the placement on several devices.
"""

from __future__ import annotations

from bert_runtime.protobuf import Field, Kind, Message

_INT64, _INT32 = Field(Kind.INT64), Field(Kind.INT32)
_FLOAT, _STRING = Field(Kind.FLOAT), Field(Kind.STRING)
_INT64S, _INT32S = Field(Kind.INT64, repeated=True), Field(Kind.INT32, repeated=True)
_FLOATS, _DOUBLES = Field(Kind.FLOAT, repeated=True), Field(Kind.DOUBLE, repeated=True)
_STRINGS = Field(Kind.STRING, repeated=True)


def _one(message: str) -> Field:
    return Field(Kind.MESSAGE, message=message)


def _many(message: str) -> Field:
    return Field(Kind.MESSAGE, repeated=True, message=message)


MODEL = Message(
    "ModelProto",
    {
        1: _INT64,  # ir_version
        2: _STRING,  # producer_name
        3: _STRING,  # producer_version
        4: _STRING,  # domain
        5: _INT64,  # model_version
        6: _STRING,  # doc_string
        7: _one("GraphProto"),  # graph
        8: _many("OperatorSetIdProto"),  # opset_import
        14: _many("StringStringEntryProto"),  # metadata_props
        25: _many("FunctionProto"),  # functions
    },
)
GRAPH = Message(
    "GraphProto",
    {
        1: _many("NodeProto"),  # node
        2: _STRING,  # name
        5: _many("TensorProto"),  # initializer
        10: _STRING,  # doc_string
        11: _many("ValueInfoProto"),  # input
        12: _many("ValueInfoProto"),  # output
        13: _many("ValueInfoProto"),  # value_info
        15: _many("SparseTensorProto"),  # sparse_initializer
        16: _many("StringStringEntryProto"),  # metadata_props
    },
)
NODE = Message(
    "NodeProto",
    {
        1: _STRINGS,  # input
        2: _STRINGS,  # output
        3: _STRING,  # name
        4: _STRING,  # op_type
        5: _many("AttributeProto"),  # attribute
        6: _STRING,  # doc_string
        7: _STRING,  # domain
        8: _STRING,  # overload
        9: _many("StringStringEntryProto"),  # metadata_props
    },
)
ATTRIBUTE = Message(
    "AttributeProto",
    {
        1: _STRING,  # name
        2: _FLOAT,  # f
        3: _INT64,  # i
        4: _STRING,  # s
        5: _one("TensorProto"),  # t
        6: _one("GraphProto"),  # g
        7: _FLOATS,  # floats
        8: _INT64S,  # ints
        9: _STRINGS,  # strings
        10: _many("TensorProto"),  # tensors
        11: _many("GraphProto"),  # graphs
        13: _STRING,  # doc_string
        14: _one("TypeProto"),  # tp
        15: _many("TypeProto"),  # type_protos
        20: _INT32,  # type
        21: _STRING,  # ref_attr_name
        22: _one("SparseTensorProto"),  # sparse_tensor
        23: _many("SparseTensorProto"),  # sparse_tensors
    },
)
TENSOR = Message(
    "TensorProto",
    {
        1: _INT64S,  # dims
        2: _INT32,  # data_type
        4: _FLOATS,  # float_data
        5: _INT32S,  # int32_data
        6: _STRINGS,  # string_data
        7: _INT64S,  # int64_data
        8: _STRING,  # name
        9: _STRING,  # raw_data
        10: _DOUBLES,  # double_data
        11: _INT64S,  # uint64_data
        12: _STRING,  # doc_string
        13: _many("StringStringEntryProto"),  # external_data
        14: _INT32,  # data_location
        16: _many("StringStringEntryProto"),  # metadata_props
    },
)
SPARSE_TENSOR = Message(
    "SparseTensorProto",
    {
        1: _one("TensorProto"),  # values
        2: _one("TensorProto"),  # indices
        3: _INT64S,  # dims
    },
)
VALUE_INFO = Message(
    "ValueInfoProto",
    {
        1: _STRING,  # name
        2: _one("TypeProto"),  # type
        3: _STRING,  # doc_string
        4: _many("StringStringEntryProto"),  # metadata_props
    },
)
TYPE = Message(
    "TypeProto",
    {
        1: _one("TypeProto.Tensor"),  # tensor_type
        6: _STRING,  # denotation
    },
)
TENSOR_TYPE = Message(
    "TypeProto.Tensor",
    {
        1: _INT32,  # elem_type
        2: _one("TensorShapeProto"),  # shape
    },
)
SHAPE = Message(
    "TensorShapeProto",
    {
        1: _many("TensorShapeProto.Dimension"),  # dim
    },
)
DIMENSION = Message(
    "TensorShapeProto.Dimension",
    {
        1: _INT64,  # dim_value
        2: _STRING,  # dim_param
        3: _STRING,  # denotation
    },
)
OPERATOR_SET = Message(
    "OperatorSetIdProto",
    {
        1: _STRING,  # domain
        2: _INT64,  # version
    },
)
STRING_ENTRY = Message(
    "StringStringEntryProto",
    {
        1: _STRING,  # key
        2: _STRING,  # value
    },
)
FUNCTION = Message(
    "FunctionProto",
    {
        1: _STRING,  # name
        4: _STRINGS,  # input
        5: _STRINGS,  # output
        6: _STRINGS,  # attribute
        7: _many("NodeProto"),  # node
        8: _STRING,  # doc_string
        9: _many("OperatorSetIdProto"),  # opset_import
        10: _STRING,  # domain
        11: _many("AttributeProto"),  # attribute_proto
        12: _many("ValueInfoProto"),  # value_info
        13: _STRING,  # overload
        14: _many("StringStringEntryProto"),  # metadata_props
    },
)
ALL = (
    MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE_TENSOR, VALUE_INFO, TYPE, TENSOR_TYPE, SHAPE, DIMENSION, OPERATOR_SET,
    STRING_ENTRY, FUNCTION,
)  # fmt: skip
MESSAGES = {message.name: message for message in ALL}
