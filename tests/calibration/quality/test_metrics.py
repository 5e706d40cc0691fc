"""Each head's figures are those that its field's own scorers give, and their intervals mean what they say."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
import scipy.stats
from seqeval.metrics import f1_score
from seqeval.scheme import BILOU, IOB2, IOBES, IOE2, Entities, Token
from sklearn.metrics import average_precision_score  # type: ignore[import-untyped]

from bert_calibration.quality import (
    MEASURES,
    Difference,
    Measure,
    agreement,
    difference,
    evaluate,
    measure_of,
    qualities,
)
from bert_calibration.quality.entities import TOKEN_CLASSIFICATION_QUALITY
from bert_calibration.quality.labels import MULTI_LABEL_QUALITY, SINGLE_LABEL_QUALITY
from bert_calibration.quality.masked_words import FILL_MASK_QUALITY
from bert_calibration.quality.one_label import ONE_LABEL_QUALITY
from bert_calibration.quality.question_answering import QUESTION_ANSWERING_QUALITY, exact_match, f1
from bert_calibration.quality.regression import REGRESSION_QUALITY
from bert_calibration.quality.vectors import FEATURE_EXTRACTION_QUALITY, PairScore
from bert_runtime.json_record import Record
from bert_runtime.tasks import TASKS
from bert_runtime.tasks.entities import Entity, entities
from bert_runtime.tasks.feature_extraction import FeatureExtractionResult
from bert_runtime.tasks.fill_mask import FillMaskResult
from bert_runtime.tasks.mask_tokens import Candidate, MaskResult
from bert_runtime.tasks.question_answering import Answer, QuestionAnsweringResult
from bert_runtime.tasks.tag_scheme import read_tags
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.text_classification import (
    PROBLEM_TYPES,
    LabelScore,
    LabelValue,
    MultiLabelResult,
    RegressionResult,
    SingleLabelResult,
)
from bert_runtime.tasks.token_classification import TokenClassificationRequest, TokenClassificationResult
from bert_runtime.text import Pieces


def label(name: str) -> SingleLabelResult:
    return SingleLabelResult((LabelScore(name, 0.9),), False)


def labels(*names: str) -> MultiLabelResult:
    return MultiLabelResult(tuple(LabelScore(name, 0.9) for name in names), (), False)


def value(number: float) -> RegressionResult:
    return RegressionResult((LabelValue("v", number),), False)


def answer(text: str, start: int = 0) -> QuestionAnsweringResult:
    return QuestionAnsweringResult((Answer(text, 0.9, start, start + len(text)),))


def masks(*words: str) -> FillMaskResult:
    return FillMaskResult(tuple(MaskResult(0, 6, (Candidate(word, 1, 0.5, ""),)) for word in words), False)


def figures(measure: Any, results: list[Any], golds: list[Any]) -> dict[str, float]:
    return {quality.metric: quality.value for quality in qualities(measure, results, golds)}


# (prediction, answers, exact match, F1) worked out by hand from the published evaluation's rules
SQUAD = [
    ("The Broncos!", ["Denver Broncos", "broncos"], 1.0, 1.0),
    ("Denver the Broncos", ["Denver Broncos"], 1.0, 1.0),
    ("big Denver Broncos team", ["Denver Broncos"], 0.0, 2 / 3),
    ("a b b", ["b b c"], 0.0, 4 / 5),  # "a" is an article
    ("x", ["y"], 0.0, 0.0),
    ("", [], 1.0, 1.0),  # SQuAD 2: rightly no answer
    ("x", [], 0.0, 0.0),
    ("the", ["x"], 0.0, 0.0),
]


@pytest.mark.parametrize(("prediction", "answers", "exact", "overlap"), SQUAD)
def test_answers_are_compared_as_the_squad_evaluation_does(
    prediction: str, answers: list[str], exact: float, overlap: float
) -> None:
    assert exact_match(prediction, answers) == exact
    assert f1(prediction, answers) == pytest.approx(overlap)
    found = figures(QUESTION_ANSWERING_QUALITY, [answer(prediction)], [tuple(answers)])
    assert found == {"F1": pytest.approx(overlap), "exact match": exact}


def test_entity_f1_is_seqevals() -> None:
    generator = random.Random(3)
    tags = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    right = [generator.choices(tags, (6, 1, 1, 1, 1), k=20) for _ in range(60)]
    guessed = [[generator.choice(tags) if generator.random() < 0.2 else tag for tag in row] for row in right]
    results = [
        TokenClassificationResult(tuple(Entity(kind, 0.9, "", start, end) for kind, start, end in chunks(row)))
        for row in guessed
    ]
    found = figures(TOKEN_CLASSIFICATION_QUALITY, results, [frozenset(chunks(row)) for row in right])

    assert 0.3 < found["entity F1"] < 0.95
    assert found["entity F1"] == pytest.approx(f1_score(right, guessed))


@pytest.mark.parametrize("scheme", [IOB2, IOE2, IOBES, BILOU])
def test_entity_f1_of_each_tag_scheme_is_seqevals(scheme: type[Token]) -> None:
    letters = {IOB2: "BIIB", IOE2: "IIEE", IOBES: "BIES", BILOU: "BILU"}[scheme]  # first, inside, last, single
    generator = random.Random(7)
    kinds = ("PER", "LOC")
    labels = ("O", *(f"{letter}-{kind}" for kind in kinds for letter in dict.fromkeys(letters)))
    right: list[list[str]] = []
    guessed: list[list[str]] = []
    for _ in range(60):
        words = [(generator.choice(("O", "O", *kinds)), generator.choice([1, 1, 2, 3])) for _ in range(8)]
        heard = [(generator.choice(("O", *kinds)) if generator.random() < 0.2 else kind, n) for kind, n in words]
        for rows, spoken in ((right, words), (guessed, heard)):
            rows.append([tag for kind, count in spoken for tag in tagged(kind, count, letters)])
    results = [decoded(row, labels) for row in guessed]
    golds = [
        frozenset((entity.tag, entity.start, entity.end) for entity in sentence)
        for sentence in Entities(right, scheme).entities
    ]
    expected = f1_score(right, guessed, mode="strict", scheme=scheme)

    assert 0.3 < expected < 0.95
    assert figures(TOKEN_CLASSIFICATION_QUALITY, results, golds)["entity F1"] == pytest.approx(expected)


def tagged(kind: str, count: int, letters: str) -> list[str]:
    """The tags of an entity of so many words."""
    if kind == "O":
        return ["O"] * count
    first, inside, last, single = tuple(letters)
    return [f"{letter}-{kind}" for letter in (single if count == 1 else first + inside * (count - 2) + last)]


def decoded(row: list[str], labels: tuple[str, ...]) -> TokenClassificationResult:
    """The entities of a text of one-character words whose tags the model is sure of."""
    places = np.arange(len(row))
    logits = np.eye(len(labels), dtype=np.float32)[[labels.index(tag) for tag in row]] * 40
    pieces = Pieces(np.zeros(len(row), np.int64), np.stack([places, places + 1], axis=1), places)
    found = entities("x" * len(row), pieces, logits, read_tags(labels), "simple")
    return TokenClassificationResult(tuple(entity for entity in found if entity.label != "O"))


@pytest.mark.parametrize(
    ("labels", "kind"),
    [(("O", "B-PER", "I-PER", "E-PER", "S-PER"), "PER"), (("O", "U_LOC", "B_LOC", "I_LOC", "L_LOC"), "LOC")],
)
def test_golds_of_entities_are_named_by_the_kinds_of_the_tags(labels: tuple[str, ...], kind: str) -> None:
    problems: list[str] = []
    gold = Record({"entities": [{"start": 0, "end": 3, "label": kind}]}, "", problems)
    request = TokenClassificationRequest("Ada")
    assert TOKEN_CLASSIFICATION_QUALITY.read(gold, request, HeadSettings(labels=labels)) == {(kind, 0, 3)}
    assert not problems


def chunks(tags: list[str]) -> list[tuple[str, int, int]]:
    """(label, start, end) of one row's chunks, a word being one character; an I- after another label starts one."""
    found: list[tuple[str, int, int]] = []
    for i, tag in enumerate(tags):
        if tag.startswith("I-") and found and found[-1][2] == i and found[-1][0] == tag[2:]:
            found[-1] = (found[-1][0], found[-1][1], i + 1)
        elif tag != "O":
            found.append((tag[2:], i, i + 1))
    return found


def test_accuracy_counts_the_best_label() -> None:
    results = [label("a"), label("b"), label("b"), label("a")]

    assert figures(SINGLE_LABEL_QUALITY, results, ["a", "b", "a", "a"]) == {"accuracy": 0.75}


def scores(*numbers: float) -> list[SingleLabelResult]:
    return [SingleLabelResult((LabelScore("LABEL_0", number),), False) for number in numbers]


@pytest.mark.parametrize("digits", [1, 6], ids=["with ties", "without"])
def test_one_label_is_judged_by_average_precision_where_golds_are_0_or_1(digits: int) -> None:
    generator = np.random.default_rng(digits)
    golds = [float(x) for x in generator.random(200) < 0.3]
    found = [round(gold + generator.normal(), digits) for gold in golds]
    expected = average_precision_score(golds, found)

    assert figures(ONE_LABEL_QUALITY, scores(*found), golds) == {
        "average precision": pytest.approx(expected),
        "Pearson": pytest.approx(scipy.stats.pearsonr(found, golds).statistic),
        "Spearman": pytest.approx(scipy.stats.spearmanr(found, golds).statistic),
    }


@pytest.mark.parametrize("golds", [[0.1, 0.9, 0.4], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 2.0]])
def test_one_label_is_judged_by_correlations_where_golds_are_graded_or_all_the_same(golds: list[float]) -> None:
    assert list(figures(ONE_LABEL_QUALITY, scores(0.2, 0.8, 0.3), golds)) == ["Pearson", "Spearman"]


def test_a_wrong_score_of_one_label_costs_quality_and_agreement() -> None:
    before, after, golds = scores(0.1, 0.9, 0.8, 0.2), scores(0.9, 0.1, 0.8, 0.2), [0.0, 1.0, 1.0, 0.0]

    assert figures(ONE_LABEL_QUALITY, before, golds)["average precision"] == 1.0
    assert figures(ONE_LABEL_QUALITY, after, golds)["average precision"] < 0.7
    assert agreement(ONE_LABEL_QUALITY, after, before).value < 0.5


def test_several_labels_give_micro_f1() -> None:
    results, golds = [labels("a", "b"), labels(), labels("c")], [{"a"}, {"b"}, {"c"}]

    assert figures(MULTI_LABEL_QUALITY, results, golds) == {"micro F1": pytest.approx(4 / 6), "exact match": 1 / 3}


def test_correlations_are_scipys_also_with_ties() -> None:
    generator = np.random.default_rng(5)
    predicted = generator.normal(size=200).round(1)
    gold = (predicted + generator.normal(size=200)).round(0)
    found = figures(REGRESSION_QUALITY, [value(x) for x in predicted.tolist()], [(y,) for y in gold.tolist()])

    assert found["Pearson"] == pytest.approx(scipy.stats.pearsonr(predicted, gold).statistic)
    assert found["Spearman"] == pytest.approx(scipy.stats.spearmanr(predicted, gold).statistic)


def test_a_constant_prediction_correlates_with_nothing() -> None:
    found = figures(REGRESSION_QUALITY, [value(1.0)] * 4, [(1.0,), (2.0,), (3.0,), (4.0,)])

    assert found == {"Pearson": 0.0, "Spearman": 0.0}


def test_masked_words_count_once_each() -> None:
    results, golds = [masks("a", "b", "c"), masks("x")], [("a", "b", "x"), ("y",)]

    assert figures(FILL_MASK_QUALITY, results, golds) == {"masked-word accuracy": 0.5}


def probable(**scores: float) -> FillMaskResult:
    """One mask with these candidates."""
    found = tuple(Candidate(word, i, score, word) for i, (word, score) in enumerate(scores.items()))
    return FillMaskResult((MaskResult(0, 6, found),), truncated=False)


def test_the_log_probability_of_masked_words_is_the_negative_cross_entropy() -> None:
    probe = FILL_MASK_QUALITY.probe
    assert probe is not None
    results, golds = [probable(a=0.5, b=0.1), probable(b=0.25)], [("a",), ("b",)]
    halved = [probable(a=0.25, b=0.1), probable(b=0.125)]
    own = evaluate(probe.metric, results, golds)
    change = difference(probe.metric, halved, results, golds)
    assert own is not None
    assert change is not None
    assert own.value == pytest.approx((math.log(0.5) + math.log(0.25)) / 2)
    assert change.value == pytest.approx(-math.log(2))
    assert change.high < 0


def vectors(*rows: list[float]) -> list[FeatureExtractionResult]:
    return [FeatureExtractionResult(np.array(row, dtype=np.float32), False) for row in rows]


def test_vectors_are_ranked_by_their_pairs_cosines() -> None:
    found = vectors([1, 0], [0, 1], [1, 1], [1, 2], [1, 0], [-1, 0])
    pairs = [
        PairScore("x", 2.0),
        PairScore("y", 3.0),
        PairScore("x", 2.0),
        PairScore("y", 3.0),
        *[PairScore("z", 1.0)] * 2,
    ]

    assert figures(FEATURE_EXTRACTION_QUALITY, found, pairs) == {"Spearman of cosines": pytest.approx(1.0)}
    assert agreement(FEATURE_EXTRACTION_QUALITY, found, found).value == pytest.approx(1.0)


def test_agreement_asks_whether_the_best_answers_are_the_same() -> None:
    mine, theirs = [answer("a", 3), answer("b", 7), answer("c")], [answer("a", 3), answer("b", 5), answer("c")]

    assert agreement(QUESTION_ANSWERING_QUALITY, mine, theirs).value == pytest.approx(2 / 3)
    assert agreement(SINGLE_LABEL_QUALITY, [label("a")], [label("a")]).value == 1.0
    assert agreement(FILL_MASK_QUALITY, [masks("a", "b")], [masks("a", "c")]).value == 0.0
    with pytest.raises(ValueError, match="no results to compare"):
        agreement(SINGLE_LABEL_QUALITY, [], [])


def test_the_interval_is_that_of_a_proportion() -> None:
    """70 of 100: mean 0.7 and standard error sqrt(0.7 * 0.3 / 100) = 0.0458, hence 0.61 to 0.79."""
    results, golds = [label("a")] * 100, ["a"] * 70 + ["b"] * 30
    quality = evaluate(SINGLE_LABEL_QUALITY.metrics[0], results, golds)

    assert quality is not None
    assert (quality.value, quality.samples) == (0.7, 100)
    assert (quality.low, quality.high) == pytest.approx((0.61, 0.79), abs=0.015)
    assert quality == evaluate(SINGLE_LABEL_QUALITY.metrics[0], results, golds)
    assert quality.includes(0.65)
    assert not quality.includes(0.55)


def test_a_paired_difference_is_sharper_than_either_interval() -> None:
    """Two of 200 answers were lost: nothing against the interval of the metric, and no accident either way."""
    golds = ["a"] * 200
    before = [label("a")] * 120 + [label("b")] * 80
    after = [label("b")] * 8 + before[8:]
    metric = SINGLE_LABEL_QUALITY.metrics[0]
    quality, change = evaluate(metric, before, golds), difference(metric, after, before, golds)

    assert quality is not None
    assert change is not None
    assert change.value == pytest.approx(-0.04)
    assert quality.includes(quality.value + change.value)
    assert change.is_shown


def test_no_change_in_some_samples_is_no_proof_that_nothing_changes() -> None:
    """The rule of three: of texts that 200 samples leave unseen, up to 1 - 0.025 ** (1 / 200) may change."""
    answers, golds = [label("a")] * 120 + [label("b")] * 80, ["a"] * 200
    same = difference(SINGLE_LABEL_QUALITY.metrics[0], answers, answers, golds)

    bound = 1 - 0.025 ** (1 / 200)
    assert same == Difference("accuracy", 0.0, -bound, bound, 200)
    assert not same.is_shown


ALIKE: list[tuple[Measure[Any, Any], Any]] = [
    (QUESTION_ANSWERING_QUALITY, answer("a", 3)),
    (TOKEN_CLASSIFICATION_QUALITY, TokenClassificationResult((Entity("PER", 0.9, "Anna", 0, 4),))),
    (SINGLE_LABEL_QUALITY, label("a")),
    (MULTI_LABEL_QUALITY, labels("a", "b")),
    (REGRESSION_QUALITY, value(1.0)),
    (FILL_MASK_QUALITY, masks("a", "b")),
    (FEATURE_EXTRACTION_QUALITY, FeatureExtractionResult(np.ones(3, np.float32), False)),
]


@pytest.mark.parametrize(("measure", "result"), ALIKE)
@pytest.mark.parametrize("number", [1, 2, 30])
def test_no_interval_of_equal_answers_is_without_width(measure: Measure[Any, Any], result: Any, number: int) -> None:
    alike = agreement(measure, [result] * number, [result] * number)

    assert alike.high - alike.low == pytest.approx(1 - 0.025 ** (1 / number))
    assert alike.low <= alike.value <= alike.high


@pytest.mark.parametrize(("right", "number"), [(9, 10), (31, 32), (0, 20), (20, 20), (1, 2), (1990, 2000)])
def test_a_share_of_right_answers_has_the_exact_interval(right: int, number: int) -> None:
    """SciPy's interval of Clopper and Pearson."""
    results = [label("a")] * right + [label("b")] * (number - right)
    quality = evaluate(SINGLE_LABEL_QUALITY.metrics[0], results, ["a"] * number)

    assert quality is not None
    exact = scipy.stats.binomtest(right, number).proportion_ci(0.95, "exact")
    assert (quality.low, quality.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_a_ratio_without_a_mistake_has_an_interval_too() -> None:
    found = [TokenClassificationResult((Entity("PER", 0.9, "Anna", 0, 4),))] * 50
    quality = evaluate(TOKEN_CLASSIFICATION_QUALITY.metrics[0], found, [frozenset({("PER", 0, 4)})] * 50)

    assert quality is not None
    assert (quality.low, quality.high) == pytest.approx((0.025 ** (1 / 50), 1.0))


def test_every_head_has_a_measure() -> None:
    for task in TASKS:
        kinds = PROBLEM_TYPES if "problem_type" in task.settings else (None,)
        for kind in kinds:
            for names in (("a",), ("a", "b")):
                assert measure_of(task, HeadSettings(labels=names, problem_type=kind)) in MEASURES.values()
