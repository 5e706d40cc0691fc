"""The plot of `bert-run`: parse, load, answer."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from bert_runtime.cli.answering import answer_file
from bert_runtime.cli.boundary import DONE, tell
from bert_runtime.cli.cluster import answer_on_cluster
from bert_runtime.cli.command import Command, parse
from bert_runtime.cli.describe import describe
from bert_runtime.cli.display import show, write_json
from bert_runtime.cli.files import Files
from bert_runtime.cli.gpu_flags import check_gpu_flags
from bert_runtime.cli.plan import Plan
from bert_runtime.cli.printable import printable
from bert_runtime.cli.progress import progress
from bert_runtime.generation.session import GenerationSession, is_single
from bert_runtime.loading import start_session
from bert_runtime.manifest_json import NAME
from bert_runtime.record_writers import Json, to_json
from bert_runtime.session import Session


def run(arguments: Sequence[str], output: TextIO) -> int:
    """Answer what the arguments ask, on `output` or into a file; the exit code."""
    command = parse(arguments, output)
    if command.describe:
        _print(describe(command.bundle), command.json, output)
        return DONE
    if command.files is not None and command.workers is not None:
        return answer_on_cluster(command, command.files, command.workers)
    with start_session(command.bundle, command.options) as session:
        check_gpu_flags(command.gpu, session.active_target, session.reason)
        if command.files is not None:
            return _answer_file(session, command, command.files, output)
        as_json = command.json or not output.isatty()
        if not as_json and isinstance(session, GenerationSession) and _stream(session, command.fields, output):
            return DONE
        answer = to_json(session(dict(command.fields)))
        record = answer if isinstance(answer, dict) else {"result": answer}
        if as_json:
            write_json(record, output)
        else:
            show(record, output, command.fields)
    return DONE


def _stream(session: GenerationSession, fields: Mapping[str, object], output: TextIO) -> bool:
    """Print the prompt and the text after it as it grows; false where several texts grow, which are no one stream."""
    request = session.task.request.from_record(fields)
    if not is_single(request):
        return False
    parts = session.stream(request)  # a request that cannot be answered raises before anything is printed
    print(printable(request.prompt), end="", flush=True, file=output)
    for part in parts:
        print(printable(part), end="", flush=True, file=output)
    print(file=output)
    return True


def _answer_file(session: Session[Any, Any], command: Command, files: Files, output: TextIO) -> int:
    began = time.perf_counter()
    manifest = (command.bundle.directory / NAME).read_bytes()
    plan = Plan(files, manifest, repr(command.options))
    with progress() as counted:
        outcome = answer_file(session, plan, command.fields, output.buffer, counted)
    rows = outcome.answered + outcome.skipped
    if outcome.skipped:
        tell("bert-run", f"{outcome.skipped} of {rows} lines skipped")
    if sys.stderr.isatty():
        seconds, artefact = time.perf_counter() - began, session.artefact
        by = f"{artefact.target} {artefact.precision}, {session.engine.name}"
        now = outcome.answered - (outcome.resumed and outcome.resumed - outcome.skipped)
        tell("bert-run", f"{now} rows answered in {seconds:.1f} s by {by}")
    return outcome.exit_code


def _print(record: Mapping[str, Json], as_json: bool, output: TextIO) -> None:
    (write_json if as_json else show)(record, output)
