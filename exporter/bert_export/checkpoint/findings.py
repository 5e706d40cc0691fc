"""What a step has to say: problems, raised all at once, and notes, printed when the load succeeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bert_export.checkpoint.printable import printable
from bert_export.errors import CheckpointError

MAX_JSON = 256 * 2**20
REASON = 400  # characters of another library's message
SHOWN = 20
"""How many problems an error lists."""


class StoppedError(CheckpointError):
    """A step that cannot go on, because of problems that are among the findings already."""


@dataclass
class Findings:
    """Collects what the steps of one load find.

    Attributes:
        problems: sentences that stop the load.
        notes: sentences for the user.
        read: file of the checkpoint -> the keys that the bundle carries of it; see `bert_export.checkpoint.keys`.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def check(self) -> None:
        """Raise CheckpointError with every problem found so far, if there is one."""
        if self.problems:
            raise CheckpointError(_together(self.problems))

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """Raise StoppedError at the end of the block if problems were found in it; `collecting` adds none to them."""
        before = len(self.problems)
        yield
        if len(self.problems) > before:
            raise StoppedError(_together(self.problems[before:]))

    def add(self, others: Findings) -> None:
        """Take over what another step found."""
        self.problems += others.problems
        self.notes += others.notes
        self.read |= others.read

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep a CheckpointError as a problem, so that the steps after this one are looked at too."""
        try:
            yield
        except StoppedError:
            pass
        except CheckpointError as error:
            self.problems.append(str(error))


def _together(problems: Sequence[str]) -> str:
    """One message for all problems: the first SHOWN by name."""
    if len(problems) == 1:
        return problems[0]
    more = [f"- and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return "\n".join([f"{len(problems)} problems:", *(f"- {each}" for each in problems[:SHOWN]), *more])


@contextmanager
def reading(what: str, advice: str) -> Iterator[None]:
    """Turn whatever another library raises into a CheckpointError: what was read, what it said, what to do.

    Raises:
        CheckpointError: in place of every other exception; one of ours passes unchanged.
    """
    try:
        yield
    except CheckpointError:
        raise
    except (
        Exception
    ) as error:  # each library has its own: OSError, SafetensorError, KeyError, StrictDataclassError, ...
        raise CheckpointError(f"{what}: {reason(error)}; {advice}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # pyo3's, which derives from BaseException
            raise
        raise CheckpointError(f"{what}: {reason(error)}; {advice}") from error


def reason(error: BaseException) -> str:
    """What an exception says, in one line of printable characters; its type where the message says too little.

    Libraries put the cause on the first line, on the last, or after a module's whole description: a long message keeps
    both of its ends.
    """
    text = " ".join(str(error).split())
    if not text or isinstance(error, KeyError):
        text = f"{type(error).__name__} {text}".strip()
    return printable(text, REASON).rstrip(" .;:,")


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        CheckpointError: the file is missing, is no UTF-8, no JSON, or no object.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"{path.name} holds a {type(value).__name__}, expected a JSON object; fetch it again")
    return value


def read_json(path: Path) -> Any:
    """The JSON value in a file; raises CheckpointError where there is none."""
    with reading(path.name, "expected a JSON file; fetch it again"):
        try:
            if path.stat().st_size > MAX_JSON:
                raise CheckpointError(f"{path.name} has more than {MAX_JSON} bytes, expected a file of settings")
            return json.loads(path.read_text(encoding="utf-8-sig"))  # Windows' editors begin files with a mark
        except OSError as error:  # its own message would show the path twice
            raise CheckpointError(f"{path.name}: {error.strerror}; expected a readable file") from error


def listing(folder: Path) -> str:
    """The names in a directory for an error message, ten at most."""
    names = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more if names else "nothing"
