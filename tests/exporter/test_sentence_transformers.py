"""A folder of sentence-transformers as it comes: dense layers, prompts by name, poolings, vectors cut short."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tests.exporter.conftest import NONE, TinyCheckpoint

import bert_runtime
from bert_export import CheckpointError, ExportOptions, export
from bert_runtime.errors import InputError

TEXTS = ["the movie was a wall", "a book", "", "the song of the board " * 20]


@pytest.fixture(scope="module")
def theirs(tiny_checkpoint: TinyCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformer:
    """BERT, the largest of each number, two dense layers, and unit length; with prompts."""
    transformer = Transformer(str(tiny_checkpoint("feature-extraction", NONE)))
    modules = [transformer, Pooling(32, "max"), Dense(32, 24), Dense(24, 16, bias=False), Normalize()]
    prompts = {"query": "the book : ", "document": ""}
    return SentenceTransformer(modules=modules, device="cpu", prompts=prompts)


@pytest.fixture(scope="module")
def bundle(theirs: SentenceTransformer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sentence")
    theirs.save_pretrained(str(folder / "saved"), create_model_card=False)
    options = ExportOptions(model=str(folder / "saved"), task="embedding", output=folder / "bundle", targets=("cpu",))
    return export(options).bundle


def test_vectors_are_those_of_the_library(theirs: SentenceTransformer, bundle: Path) -> None:
    with bert_runtime.load(bundle) as session:
        got = [session({"text": text}).vector for text in TEXTS]
        asked = [session({"text": text, "prompt_name": "query"}).vector for text in TEXTS]
    np.testing.assert_allclose(got, theirs.encode(TEXTS), atol=1e-5)
    np.testing.assert_allclose(asked, theirs.encode(TEXTS, prompt_name="query"), atol=1e-5)


def test_a_vector_cut_short_is_that_of_the_library(theirs: SentenceTransformer, bundle: Path) -> None:
    with bert_runtime.load(bundle) as session:
        got = [session({"text": text, "dimensions": 5}).vector for text in TEXTS]
        with pytest.raises(InputError, match="dimensions is 17, expected 16 at most"):
            session({"text": "a", "dimensions": 17})
        with pytest.raises(InputError, match="dimensions is 0, expected 1 at least"):
            session({"text": "a", "dimensions": 0})
    np.testing.assert_allclose(got, theirs.encode(TEXTS, truncate_dim=5, normalize_embeddings=True), atol=1e-5)


def test_the_bundle_holds_the_prompts_and_says_which_there_are(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["version"] == 2
    assert manifest["settings"]["prompts"] == {"query": "the book : "}
    assert manifest["sizes"] == {"embedding": 16, "hidden": 32}
    with (
        bert_runtime.load(bundle) as session,
        pytest.raises(InputError, match="prompt_name is 'passage', expected one of the bundle's prompts: query"),
    ):
        session({"text": "a", "prompt_name": "passage"})


def test_a_prompt_that_the_checkpoint_lacks_is_refused(theirs: SentenceTransformer, tmp_path: Path) -> None:
    theirs.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    options = ExportOptions(model=str(tmp_path / "saved"), task="embedding", prompt_name="passage")
    with pytest.raises(CheckpointError, match="--prompt-name is 'passage', expected one of the checkpoint's"):
        export(options)
