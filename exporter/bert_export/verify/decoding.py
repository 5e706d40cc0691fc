"""The parity gate of a graph with a cache: token by token and all at once, it answers as torch does without one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bert_export.verify.compare import Gap, Judge
from bert_export.verify.reference import Reference
from bert_export.verify.report import ArtefactUnderTest, Check
from bert_export.verify.sources import source_feeds, with_sources
from bert_export.verify.sweep import Limits, cases
from bert_runtime.errors import BackendError, InputError
from bert_runtime.tasks.tensors import TensorSpec

Floats = NDArray[np.float32]
Feeds = Mapping[str, NDArray[Any]]
SHORT = 33
"""The longest sequence that is read token by token from the first; of longer ones, the last few tokens are."""


@dataclass(frozen=True)
class DecodingComparison:
    """The two sides, and the problems found so far.

    Attributes:
        tested: an artefact with a cache.
        reference: torch, which is asked without a cache.
        judge: how far an output may be.
        problems: a sentence on what differs.
    """

    tested: ArtefactUnderTest
    reference: Reference
    judge: Judge
    problems: list[str]

    def real_texts(self) -> Check:
        """The task's prompts, continued with torch's most probable tokens: the artefact must choose the same."""
        seen: set[bytes] = set()
        same, differences = 0, []
        for record in self.tested.task.examples_for(self.tested.head.text):
            request = self.tested.task.request.from_record(record)
            try:
                encoded = self.tested.head.encode(request)
            except InputError:  # a short model has no room for it, or a small vocabulary no such token
                continue
            prompt, name = encoded.features[0].ids[None], f"example {record!r:.80}"
            seen.add(prompt.tobytes())
            given = {"input_ids": prompt, **self._source(name)}
            gap, agrees = self._continued(given, request.max_new_tokens, name)
            differences.append(gap.difference)
            same += agrees
        return Check("real texts", len(differences), max(differences, default=0.0), same, len(seen))

    def sweep(self) -> Iterator[Check]:
        """Two checks for each length: the sequence at once, and with a cache from 0 to one less than the length."""
        text, found = self.tested.head.text, dict[str, list[float]]()
        limits = Limits(text.vocabulary_size, self.reference.types, text.max_length)
        found_cases = cases(self.tested.task, limits, self.tested.artefact.plain)
        width = self.reference.source_width
        for case in found_cases if width is None else with_sources(found_cases, width):
            length = case.feeds["input_ids"].shape[1]
            expected = self.reference.run_cached(case.feeds)
            for way, pieces in (("at once", [length]), ("with a cache", pieces_of(length))):
                gap = self._gap(case.feeds, expected, pieces, f"{case.name}, {way}")
                found.setdefault(f"length {length}, {way}", []).append(gap.difference)
        for name, differences in found.items():
            yield Check(name, len(differences), max(differences))

    def _source(self, name: str) -> dict[str, NDArray[Any]]:
        """What one text reads besides its prompt: nothing, or an encoder's states, which are random: there is none."""
        width = self.reference.source_width
        return {} if width is None else source_feeds(name, 12, ("none",), width)

    def _continued(self, given: Feeds, new_tokens: int, name: str) -> tuple[Gap, bool]:
        """The widest gap on torch's way through a text, and whether all choices agree."""
        prompt = ids = given["input_ids"]
        for _ in range(new_tokens):
            asked = {**given, "input_ids": ids, "attention_mask": np.ones_like(ids)}
            logits = self.reference.run_cached(asked)["logits"]
            ids = np.concatenate([ids, logits[:, -1:].argmax(-1)], axis=1)
        ids = ids[:, :-1]
        feeds = {**given, "input_ids": ids, "attention_mask": np.ones_like(ids)}
        expected = self.reference.run_cached(feeds)
        self.judge.learn(expected)
        pieces = [prompt.shape[1], *[1] * (ids.shape[1] - prompt.shape[1])]
        gap = self._gap(feeds, expected, pieces, name)
        if gap.is_too_wide:
            return gap, False
        agrees = True
        for got, end in self._logits(feeds, pieces):
            wanted = expected["logits"][0, end - 1]
            lead = float(wanted.max() - wanted[got[0, -1].argmax()])
            tie = 2 * self.judge.limit("logits")  # within it, either choice is right
            agrees = agrees and lead <= tie
        if not agrees:
            self.problems.append(f"{name} differs by {gap.difference:.1e}, yet goes on with another token")
        return gap, agrees

    def _gap(self, feeds: Feeds, expected: Mapping[str, Floats], pieces: Sequence[int], name: str) -> Gap:
        """The widest gap of any output, read in `pieces`; infinite where the graph cannot run them."""
        mask, gaps = feeds["attention_mask"], list[Gap]()
        outputs: Mapping[str, Floats] = {}
        try:
            for outputs, end in self._runs(feeds, pieces):
                got = self._all_rows(outputs["logits"])
                rows = slice(end - got.shape[1], end)
                logits = {"logits": expected["logits"][:, rows]}
                gaps.append(self.judge.widest_gap(logits, {"logits": got}, [_LOGITS], mask[:, rows]))
        except BackendError as error:
            self.problems.append(f"{name}: {error}")
            return Gap(math.inf, math.inf)
        for key in expected.keys() - {"logits"}:
            # With the tokens first, so that those which the mask hides can be left out.
            one, other = ({key: side[key].swapaxes(1, 2)} for side in (expected, outputs))
            read = feeds["encoder_attention_mask"] if key.startswith("cross_key_values") else mask
            gaps.append(self.judge.widest_gap(one, other, [TensorSpec(key, "float32", _CACHE)], read))
        worst = max(gaps, key=lambda gap: gap.difference / gap.limit)
        if worst.is_too_wide:
            self.problems.append(f"{name} {worst}")
        return worst

    def _logits(self, feeds: Feeds, pieces: Sequence[int]) -> Iterator[tuple[Floats, int]]:
        for outputs, end in self._runs(feeds, pieces):
            yield self._all_rows(outputs["logits"]), end

    def _all_rows(self, logits: Floats) -> Floats:
        """(batch, rows, vocabulary), whether the graph gives every row of a piece or the last."""
        return logits if logits.ndim == 3 else logits[:, None]

    def _runs(self, feeds: Feeds, pieces: Sequence[int]) -> Iterator[tuple[Mapping[str, Floats], int]]:
        """The graph's outputs for each piece of a sequence, those of the source's graph among them, and how many tokens
        it has read by then.

        Raises:
            BackendError: the graph refuses a piece.
        """
        artefact, ids, mask = self.tested.artefact, feeds["input_ids"], feeds["attention_mask"]
        names = [spec.name for spec in artefact.outputs]
        past, cross = self._empty(len(ids)), self._cross(feeds)
        source = {"encoder_attention_mask": feeds["encoder_attention_mask"], **cross} if cross else {}
        end = 0
        for piece in pieces:
            start, end = end, end + piece
            inputs = {"input_ids": ids[:, start:end], "attention_mask": mask[:, :end], **past, **source}
            outputs = self.tested.engine.run(inputs, names)
            past = {name: outputs[name.replace("past_key_values", "present")] for name in past}
            yield {**outputs, **cross}, end

    def _cross(self, feeds: Feeds) -> dict[str, Floats]:
        """What the graph of the source makes of the states, once for a whole sequence; nothing where there is none."""
        graph, engine = self.tested.artefact.cross_kv_graph, self.tested.source
        if graph is None:
            return {}
        assert engine is not None
        states = {spec.name: feeds[spec.name] for spec in graph.inputs}
        return engine.run(states, [spec.name for spec in graph.outputs])

    def _empty(self, batch: int) -> dict[str, Floats]:
        """A cache with nothing in it."""
        sizes = {"batch": batch, "past": 0, **self.reference.cache_sizes}
        return {
            spec.name: np.zeros([sizes[axis] for axis in spec.axes], np.float32)
            for spec in self.tested.artefact.inputs
            if "past" in spec.axes
        }


_LOGITS = TensorSpec("logits", "float32", ("batch", "sequence", "vocabulary"))
_CACHE = ("batch", "sequence", "heads", "size")


def pieces_of(length: int) -> list[int]:
    """Token by token, or where that takes long, the last five of a sequence after pieces of other lengths."""
    return [1] * length if length <= SHORT else [length - 8, 3, *[1] * 5]
