"""The keys of a checkpoint's files: carried into the bundle, ignored for a reason, or refused; none vanishes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.printable import printable


class Use(Enum):
    """What an export does with a key."""

    CARRIED = "carried"
    IGNORED = "ignored"
    DROPPED = "dropped"
    REFUSED = "refused"


@dataclass(frozen=True)
class Key:
    """One key of a JSON file.

    Attributes:
        name: the key; `*` stands for any characters.
        use: what an export does with it.
        reason: of a carried key where it goes, of an ignored one why it decides nothing, of a refused one what would
            be lost without it and what to do.
        harmless: values with which a refused key decides nothing, so that they pass, and with which a dropped key is
            not worth a note; null is always one of them.
    """

    name: str
    use: Use
    reason: str
    harmless: tuple[Any, ...] = ()


@dataclass(frozen=True)
class KnownFile:
    """One JSON file of a checkpoint: its name, what it holds, and its keys."""

    name: str
    holds: str
    keys: tuple[Key, ...]

    def key(self, name: str) -> Key | None:
        """The row for a key that the file holds; None where the table has none."""
        return next((key for key in self.keys if fnmatchcase(name, key.name)), None)


def carried(name: str, reason: str) -> Key:
    """A key that the bundle carries: `reason` says where."""
    return Key(name, Use.CARRIED, reason)


def ignored(name: str, reason: str) -> Key:
    """A key that decides no answer: `reason` says why."""
    return Key(name, Use.IGNORED, reason)


def dropped(name: str, reason: str, *harmless: Any) -> Key:
    """A key that decides no answer, but that its author may have meant to: a note names it."""
    return Key(name, Use.DROPPED, reason, harmless)


def refused(name: str, reason: str, *harmless: Any) -> Key:
    """A key that the bundle cannot carry, unless its value is one of `harmless` or null."""
    return Key(name, Use.REFUSED, reason, harmless)


def account(file: KnownFile, content: Mapping[str, Any], findings: Findings) -> None:
    """Account for every key that `file` holds: what was read, what is unknown or dropped (notes), what is refused."""
    known = {name: file.key(name) for name in content}
    read = {key.name if key.name == "*" else name for name, key in known.items() if key and key.use is Use.CARRIED}
    findings.read[file.name] = tuple(sorted(read))
    unknown = sorted(name for name, key in known.items() if key is None)
    if unknown:
        findings.notes.append(f"{file.name}: not read, as the exporter does not know what it means: {_some(unknown)}")
    meant = {name: key for name, key in known.items() if key and not _among(content[name], (None, *key.harmless))}
    lost = [name for name, key in meant.items() if key.use is Use.DROPPED]
    if lost:
        findings.notes.append(f"{file.name}: dropped, as they decide no answer: {_some(lost)}")
    for name, key in meant.items():
        if key.use is Use.REFUSED:
            findings.problems.append(f"{file.name} says {name} {shown(content[name])}: {key.reason}")


def shown(value: Any) -> str:
    """A JSON value for a message, 80 characters at most."""
    return printable(json.dumps(value, ensure_ascii=False, default=str), 80)


def _among(value: Any, harmless: Sequence[Any]) -> bool:
    """Equality in JSON's terms, where true is not 1."""
    return any(type(value) is type(each) and value == each for each in harmless)


def _some(names: Sequence[str]) -> str:
    """At most twenty names, each cut to forty characters: they are a stranger's."""
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(f"{name[:40]!r}" for name in names[:20]) + more
