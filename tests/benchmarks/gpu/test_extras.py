"""What is measured beside the race: texts have the tokens that they should, and kernels are read from what is said."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.gpu.extras import _KERNEL, _said, texts_of
from benchmarks.gpu.shapes import Shape
from benchmarks.made_up_tokenizer import write_tokenizer
from tokenizers import Tokenizer


def test_each_text_has_the_tokens_of_its_row(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    tokenizer, shape = Tokenizer.from_file(str(tmp_path / "tokenizer.json")), Shape(4, 64, 0.5)
    assert [len(tokenizer.encode(each["text"]).ids) for each in texts_of(shape)] == shape.lengths.tolist()


def test_the_kernel_is_read_from_what_a_library_prints(tmp_path: Path) -> None:
    """The library writes to the descriptor, not to Python's stream, which is itself again afterwards."""
    line = b"Operator=Attention Node=a DataType=fp16 SdpaKernel=CUDNN_FLASH_ATTENTION\n"
    said = _said(lambda: os.write(1, line), tmp_path / "said")
    assert _KERNEL.findall(said) == ["CUDNN_FLASH_ATTENTION"]
    assert _said(lambda: None, tmp_path / "nothing") == ""
