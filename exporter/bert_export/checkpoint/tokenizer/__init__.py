"""The checkpoint's tokenizer as one tokenizer.json: what its files say, and what transformers makes of them."""

from bert_export.checkpoint.tokenizer.read import (
    ModelFacts,
    ReadTokenizer,
    TokenizerFile,
    TokenizerFolders,
    read_tokenizer,
)

__all__ = ["ModelFacts", "ReadTokenizer", "TokenizerFile", "TokenizerFolders", "read_tokenizer"]
