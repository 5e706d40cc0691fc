"""argparse as all commands use it: mistakes are InputErrors, each with the word that was probably meant."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TextIO

from bert_runtime.errors import InputError
from bert_runtime.nearest import nearest
from bert_runtime.targets import AUTO, BY_NAME
from bert_runtime.version import __version__


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps paragraphs and indented lines apart, and all within the terminal's width."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = [" ".join(part.split()) if part[:1] != " " else part for part in _PARAGRAPH.findall(text)]
        filled = [
            textwrap.fill(
                part.strip(),
                width,
                initial_indent=indent + part[: len(part) - len(part.lstrip())],
                subsequent_indent=indent + ("    " if part[:1] == " " else ""),
                break_long_words=False,
                break_on_hyphens=False,
            )
            for part in paragraphs
        ]
        return "\n".join(filled)


_PARAGRAPH = re.compile(r"^ .*$|^$|(?:^[^ \n].*\n?)+", re.MULTILINE)
"""An indented line, an empty line, or lines that flow."""


class Parser(argparse.ArgumentParser):
    """Prints help and version on the command's own output, and raises InputError where argparse would leave."""

    def __init__(
        self,
        prog: str,
        output: TextIO | None,
        *,
        description: str,
        epilog: str,
        usage: str | None = None,
        help_of: str = "",
    ) -> None:
        """`description` and `epilog` keep their line breaks.

        Args:
            output: where help is printed; None for what standard output is then.
            help_of: what a person types to see the flags.
        """
        super().__init__(
            prog.replace("%", "%%"),
            usage=usage,
            description=description,
            epilog=epilog,
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        self._output = output
        self.takes = ""
        """A sentence on the flags that this command takes, for the error of an unknown one."""
        self._help_of = help_of or f"{prog} --help"
        command = prog.partition(" ")[0]
        self.add_argument(
            "--version", action="version", version=f"{command} {__version__}", help="print the version and leave"
        )

    def error(self, message: str) -> NoReturn:
        """See the class."""
        dash = "; write --flag=VALUE for a value that starts with a dash" if "expected one argument" in message else ""
        raise InputError(f"{message}{dash}; {self._help_of} explains the flags")

    def parse_args(self, args: Sequence[str] | None = None, namespace: None = None) -> argparse.Namespace:  # type: ignore[override]  # a namespace of ours
        """All flags.

        Raises:
            InputError: an unknown flag or a wrong value.
            SystemExit: --help or --version was answered.
        """
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            raise InputError(self._unknown(unknown))
        return parsed

    def _unknown(self, words: Sequence[str]) -> str:
        words = [word for word in words if word.startswith("-")] or words  # others are values of these
        flags = [flag for action in self._actions for flag in action.option_strings]
        hints = [nearest(word.partition("=")[0], flags) for word in words]
        told = ", ".join(word + hint for word, hint in zip(words, hints, strict=True))
        if self.takes or all(hints):
            return f"unknown: {told}; {self.takes + '; ' if self.takes else ''}{self._help_of} explains the flags"
        shown = [flag for flag in flags if flag.startswith("--") and not flag.endswith("-file")]
        return f"unknown: {told}; the flags are {' '.join(shown)}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, not_one_of(str(value), map(str, action.choices)))

    def _print_message(self, message: str, file: object = None) -> None:
        (self._output or sys.stdout).write(message)


def whole_number(text: str) -> int:
    """The type of a flag that counts something."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number") from None


def number(text: str) -> float:
    """The type of a flag that measures something."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number") from None


def not_one_of(word: str, known: Iterable[str]) -> str:
    """What is wrong with a word that is none of those known, and which of them was probably meant."""
    names = list(known)
    return f"got {word!r}, expected one of {', '.join(names)}{nearest(word, names)}"


def check_target(name: str) -> None:
    """Whether there is such a target, or it is auto.

    Raises:
        InputError: there is none.
    """
    known = (AUTO, *BY_NAME)
    if name not in known:
        raise InputError(f"argument --target: {not_one_of(name, known)}")
