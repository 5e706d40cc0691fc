"""What the labels of a token classifier say of where entities begin and end: BIO, BIOES, BILOU, BMES, BMEWO, IOE, IO.

A tag is a letter and a kind: B-PER, or B_PER, PER-B, PER_B, or the letter alone. B, S, U and W begin an entity; after
E, L, S, U and W nothing continues it; I, M, E and L continue one of their kind. That a label is a tag follows from all
labels together: E-mail is one beside B-mail and I-mail, and a word beside PER and LOC. BUNDLE.md has the rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bert_runtime.tasks.task import HeadSettings

LETTERS = frozenset("BIMELSUW")
BEGINNING = frozenset("BSUW")
ENDING = frozenset("ELSUW")
CONTINUING = frozenset("IMEL")
NO_KIND = "_"
"""The kind of a tag that is a letter alone, as seqeval has it."""

NO_TAGS = frozenset({"O", "X", "[CLS]", "[SEP]", "[PAD]", "PAD", "<pad>", "<PAD>"})
"""Labels beside the tags of any scheme: outside, and what some training scripts give to special tokens and pieces."""


@dataclass(frozen=True)
class Tag:
    """What a label says: the kind of entity, whether it begins one, and whether it ends one."""

    label: str
    kind: str
    begins: bool = False
    ends: bool = False


@dataclass(frozen=True)
class Form:
    """How labels are written: letter, separator, kind; or kind, separator, letter; with no separator a letter alone."""

    separator: str
    is_suffix: bool = False

    def split(self, label: str) -> tuple[str, str] | None:
        """(letter, kind); None for a label that is not written so."""
        if not self.separator:
            return (label, NO_KIND) if label in LETTERS else None
        letter, kind = (label[-1:], label[:-1]) if self.is_suffix else (label[:1], label[1:])
        rest = kind.removesuffix(self.separator) if self.is_suffix else kind.removeprefix(self.separator)
        return (letter, rest) if letter in LETTERS and rest and rest != kind else None


FORMS = (Form("-"), Form("_"), Form("-", is_suffix=True), Form("_", is_suffix=True), Form(""))


def read_tags(labels: Sequence[str]) -> tuple[Tag, ...]:
    """What each label says. One that is no tag is a kind of its own, which neither begins nor ends an entity."""
    torn = max((_torn(labels, form) for form in FORMS), key=len)
    read = ((label, *torn.get(label, ("", label))) for label in labels)
    return tuple(Tag(label, kind, letter in BEGINNING, letter in ENDING) for label, letter, kind in read)


def remarks(settings: HeadSettings) -> Iterator[str]:
    """What a reader should know of labels that look like tags and are read as none."""
    strange = list(_strange(settings.labels))
    if strange:
        shown = ", ".join(strange[:8]) + (", …" if len(strange) > 8 else "")
        yield (
            f"labels that look like tags are of no known scheme (BIO, BIOES, BILOU, BMES, BMEWO, IOE): {shown}; "
            "they are read as in IO: neighbouring tokens of one label are one entity"
        )


def _torn(labels: Sequence[str], form: Form) -> Mapping[str, tuple[str, str]]:
    """Label -> (letter, kind) of the labels that are tags of this form; nothing where all together are of no scheme."""
    parts = {label: form.split(label) for label in labels if label not in NO_TAGS}
    found = {label: part for label, part in parts.items() if part is not None}
    letters = _letters_of(found.values())
    scheme = _scheme(form, letters, is_whole=len(found) == len(parts))
    return {
        label: (letter, kind)
        for label, (letter, kind) in found.items()
        if letter in scheme and not _is_word(letters[kind], scheme)
    }


def _letters_of(parts: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    letters: dict[str, set[str]] = defaultdict(set)
    for letter, kind in parts:
        letters[kind].add(letter)
    return letters


def _scheme(form: Form, letters: Mapping[str, set[str]], is_whole: bool) -> Collection[str]:
    """The letters of the scheme, proven by kinds that have several; `is_whole`: every label is written so."""
    scheme = {letter for several in letters.values() if len(several) > 1 for letter in several}
    every = {letter for any_of in letters.values() for letter in any_of}
    if form == FORMS[0] and is_whole and not scheme and every <= {"B", "I"}:
        return every  # no kind has both, as in IO written with I-: transformers' pipeline reads these two alone
    if (form.is_suffix or not form.separator) and not (is_whole and "B" in scheme and scheme & {"I", "M"}):
        return ()  # vitamin-B and vitamin-E, or the sizes S, M and L, are no tags
    return scheme if "B" in scheme or scheme == {"I", "E"} else ()


def _is_word(letters: set[str], scheme: Collection[str]) -> bool:
    """Whether a kind has only a letter that never stands without another: E-mail in a scheme of B, I, E and S."""
    return (
        len(letters) == 1 and letters <= CONTINUING and "B" in scheme and not ENDING.isdisjoint({*scheme} - BEGINNING)
    )


def _strange(labels: Sequence[str]) -> Iterator[str]:
    """Labels that are read as no tags but written like some.

    They have a letter of a scheme, or another letter or a word in capitals before a kind that others have, or the same
    words before each of several kinds.
    """
    tags = read_tags(labels)
    whole = [tag.label for tag in tags if tag.kind == tag.label and tag.label not in NO_TAGS]
    kinds = {tag.kind for tag in tags if tag.kind != tag.label}
    heads: dict[str, set[str]] = defaultdict(set)
    for head, kind in map(_head_and_kind, whole):
        heads[kind].add(head)
    common = [words for kind, words in heads.items() if kind and len(words) > 1]
    for label in whole:
        head, kind = _head_and_kind(label)
        is_shared = kind in kinds or len(heads[kind]) > 1
        is_like_one = head in LETTERS or (is_shared and (len(head) == 1 or head.isupper()))
        if kind and (is_like_one or common.count(heads[kind]) > 1):
            yield label


def _head_and_kind(label: str) -> tuple[str, str]:
    separator = next((character for character in label if character in "-_"), "-")
    head, _, kind = label.partition(separator)
    return head, kind
