"""The emulated operators are those of ONNX Runtime's schemas, and attention that of its own kernel on whole rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime.capi import onnxruntime_pybind11_state as native

from bert_export.verify.padding_removal import NUMPY, Scoring, packed_attention, remove_padding, restore_padding

# The worked example of the schemas: rows of 1, 2 and 4 tokens in (3, 4).
LENGTHS = np.array([1, 2, 4], np.int32)
OFFSETS = [[0, 4, 5, 8], [9, 10, 11, 1], [2, 3, 6, 7]]
HEADS, HIDDEN = 2, 8


def test_tokens_come_first_and_padding_after_them_as_in_the_schemas_example() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    tokens, offsets, cumulated, longest = remove_padding(rows, LENGTHS)
    assert tokens.ravel().tolist() == [0, 4, 5, 8, 9, 10, 11]
    assert offsets.tolist() == OFFSETS
    assert cumulated.tolist() == [0, 1, 3, 7]
    assert longest.tolist() == [4]
    assert {array.dtype for array in (offsets, cumulated, longest)} == {np.dtype(np.int32)}


def test_padding_is_restored_with_zeros() -> None:
    tokens = np.arange(1, 8, dtype=np.float16)[:, None]
    restored = restore_padding(tokens, np.array(OFFSETS, np.int32))
    assert restored.dtype == np.float16
    assert restored[..., 0].tolist() == [[1, 0, 0, 0], [2, 3, 0, 0], [4, 5, 6, 7]]


@pytest.mark.parametrize("distances", [0, 1, 3], ids=["no bias", "one bias", "a bias for each row"])
@pytest.mark.parametrize("scale", [None, 0.2])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 5e-6), (np.float16, 2e-3)])
def test_attention_is_that_of_the_real_operator_on_whole_rows(
    scale: float | None, distances: int, dtype: type[np.floating[Any]], tolerance: float
) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((3, 4, HIDDEN)).astype(dtype)
    weights = random.standard_normal((HIDDEN, 3 * HIDDEN)).astype(dtype)
    bias = random.standard_normal(3 * HIDDEN).astype(dtype)
    added = random.standard_normal((distances, HEADS, 4, 4)).astype(dtype) if distances else None
    tokens, offsets, cumulated, _ = remove_padding(rows, LENGTHS)
    packed = packed_attention(tokens, weights, bias, cumulated, Scoring(HEADS, scale, added))
    answer = restore_padding(packed, offsets)
    assert answer.dtype == dtype
    arrays = [each.astype(np.float32) for each in (rows, weights, bias, *([] if added is None else [added]))]
    expected = real_attention(arrays, scale)
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(answer[row, :length], expected[row, :length], rtol=tolerance, atol=tolerance)
        assert not answer[row, length:].any()


def real_attention(arrays: list[NDArray[np.float32]], scale: float | None) -> NDArray[np.float32]:
    """ONNX Runtime's Attention with the lengths for its mask, and a bias where there is a fourth array, on the CPU."""
    attributes: dict[str, Any] = {"num_heads": HEADS} | ({} if scale is None else {"scale": scale})
    names = ("rows", "weights", "bias", "distances")[: len(arrays)]
    given = ["rows", "weights", "bias", "lengths", *(["", "distances"] if len(arrays) == 4 else [])]
    node = helper.make_node("Attention", given, ["y"], domain="com.microsoft", **attributes)
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, a.shape) for n, a in zip(names, arrays, strict=True)]
    inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [3]))
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 4, HIDDEN])
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(helper.make_graph([node], "g", inputs, [output]), opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = dict(zip(names, arrays, strict=True)) | {"lengths": LENGTHS}
    answer: NDArray[np.float32] = session.run(None, feeds)[0]
    return answer


@pytest.mark.parametrize("name", NUMPY)
def test_the_installed_onnxruntime_has_the_schema_that_is_emulated(name: str) -> None:
    inputs = {"RemovePadding": 2, "PackedAttention": 6, "RestorePadding": 2}
    outputs = {"RemovePadding": 4, "PackedAttention": 1, "RestorePadding": 1}
    (schema,) = (each for each in native.get_all_operator_schema() if each.name == name)
    assert (schema.domain, schema.since_version) == ("com.microsoft", 1)
    assert (len(schema.inputs), len(schema.outputs)) == (inputs[name], outputs[name])
