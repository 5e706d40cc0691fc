"""Makes the golden bundles of the current format: `python tests/golden/make.py`. Needs torch and transformers.

Each is a BERT of 2 layers and hidden size 16 with seeded random weights, and beside it the logits that torch gives for
a few texts. A golden bundle is committed once for each version of the format and never changed: later runtimes must
still read it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import onnx
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification

from bert_export import bundle_writer
from bert_runtime.manifest import VERSION, Artefact, Manifest, TokenizerRecord
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.text_classification import TEXT_CLASSIFICATION

FOLDER = Path(__file__).parent
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY = (*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), "the", "a", "film", "good", "bad", "!", ".")
TEXTS = ("The film.", "A good film!", "a bad, bad film xyz")
LABELS = ("bad", "good", "neither")
MAX_LENGTH = 32
OPSET = 20


def main() -> None:
    """Write `text-classification` of the current version, and its expected logits."""
    folder = FOLDER / f"v{VERSION}"
    output = folder / TEXT_CLASSIFICATION.name
    torch.manual_seed(0)
    model, tokenizer = _model(), _tokenizer()
    model.train(False)
    files = {
        "model.onnx": _onnx(model),
        "tokenizer.json": tokenizer.to_str(pretty=True).encode("utf-8"),
        "config.json": model.config.to_json_string().encode("utf-8"),
    }
    bundle_writer.write(output, _manifest(), files, force=True)
    expected = [_expected(model, tokenizer, text) for text in TEXTS]
    content = json.dumps(expected, indent=2, ensure_ascii=False) + "\n"
    output.with_suffix(".json").write_text(content, encoding="utf-8")


def _model() -> BertForSequenceClassification:
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=MAX_LENGTH,
            initializer_range=0.5,
            id2label=dict(enumerate(LABELS)),
            label2id={label: i for i, label in enumerate(LABELS)},
        )
    )


def _tokenizer() -> Tokenizer:
    ids = {token: i for i, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")],
    )
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def _onnx(model: BertForSequenceClassification) -> bytes:
    names = [spec.name for spec in TEXT_CLASSIFICATION.inputs()]
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("sequence", max=MAX_LENGTH)}
    # One tensor for each: the exporter takes inputs that are the same tensor for one input.
    examples = {name: torch.ones((2, 5), dtype=torch.int64) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            model,
            kwargs=examples,
            f=path,
            dynamo=True,
            opset_version=OPSET,
            input_names=names,
            output_names=["logits"],
            dynamic_shapes=dict.fromkeys(names, axes),
            external_data=False,
        )
        content: bytes = _without_remarks(onnx.load(path)).SerializeToString(deterministic=True)
        return content


def _without_remarks(model: onnx.ModelProto) -> onnx.ModelProto:
    """The exporter's remarks hold stack traces, paths and more bytes than the weights."""
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for item in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    return model


def _manifest() -> Manifest:
    artefact = Artefact(
        target="portable",
        precision="fp32",
        file="model.onnx",
        data=(),
        inputs=TEXT_CLASSIFICATION.inputs(),
        outputs=TEXT_CLASSIFICATION.graph_outputs(),
        mask="any",
        opset=OPSET,
        plain=False,
    )
    return Manifest(
        version=VERSION,
        task=TEXT_CLASSIFICATION.name,
        settings=HeadSettings(labels=LABELS, problem_type="single_label_classification"),
        sizes={"labels": len(LABELS)},
        tokenizer=TokenizerRecord(file="tokenizer.json", max_length=MAX_LENGTH, pad_id=0, mask_id=4),
        artefacts=(artefact,),
        files={},
        provenance={"checkpoint": "seeded random weights, tests/golden/make.py"},
        verification={},
    )


def _expected(model: BertForSequenceClassification, tokenizer: Tokenizer, text: str) -> dict[str, object]:
    ids = tokenizer.encode(text).ids
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].tolist()
    return {"text": text, "input_ids": ids, "logits": logits}


if __name__ == "__main__":
    main()
