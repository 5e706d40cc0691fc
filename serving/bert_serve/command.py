"""From an argument list to a server that runs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from bert_runtime.cli.boundary import DONE
from bert_runtime.cli.parser import Parser, check_target, number, whole_number
from bert_runtime.errors import InputError
from bert_runtime.options import Options
from bert_runtime.serving import QueueLimits
from bert_serve.end_signals import EndSignals
from bert_serve.keys import VARIABLE, read_keys
from bert_serve.listening import bind
from bert_serve.logs import configure
from bert_serve.options import Limits, NamedBundle, ServeOptions, Tls
from bert_serve.supervisor import supervise
from bert_serve.triton import write_repository
from bert_serve.triton.flags import add_triton_flags, triton_options

DESCRIPTION = """\
Serve bundles that bert-export made, over HTTP: the tasks' own JSON at /v1/models/NAME:predict, the Open Inference
Protocol at /v2, OpenAI's /v1/embeddings, and /embed, /predict and /rerank of text-embeddings-inference. /openapi.json
describes every address, and / is a page for people."""
EPILOG = """\
signals: SIGTERM and SIGINT close the server once everything is answered; SIGHUP loads every bundle again from its
directory, without an error for anybody.

exit codes: 0 closed, 2 the input is wrong or a bundle cannot be loaded, 130 or 143 a signal before it served"""


def run(arguments: Sequence[str], output: TextIO, signals: EndSignals | None = None) -> int:
    """Serve until a signal, or write a model repository for Triton; the exit code.

    Args:
        signals: those since the process began; None: from now on.
    """
    signals = signals or EndSignals()
    parser, parsed = _parsed(arguments, output)
    repository = triton_options(parser, parsed)
    if repository is not None:
        print(*write_repository(repository), sep="\n", file=output)
        return DONE
    options = _serve_options(parsed, os.environ)
    configure()
    with bind(options) as listening:
        if options.workers > 1:
            return supervise(options, listening, signals)
        from bert_serve.server import serve  # noqa: PLC0415 - prometheus-client belongs to the process that serves

        serve(options, listening, signals)
    return DONE


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> ServeOptions:
    """What the flags and the environment say of a server.

    Raises:
        InputError: flags that are unknown, wrong, or contradict each other.
        SystemExit: --help or --version was answered.
    """
    return _serve_options(_parsed(arguments, None)[1], environment)


def _parsed(arguments: Sequence[str], output: TextIO | None) -> tuple[Parser, argparse.Namespace]:
    parser = Parser("bert-serve", output, description=DESCRIPTION, epilog=EPILOG, usage="bert-serve DIR… [flags]")
    _add_flags(parser)
    parsed = parser.parse_args(arguments)
    check_target(parsed.target)
    return parser, parsed


def _serve_options(parsed: argparse.Namespace, environment: Mapping[str, str]) -> ServeOptions:
    return ServeOptions(
        tuple(NamedBundle.parse(text) for text in parsed.bundles),
        parsed.host,
        parsed.port,
        load=Options(parsed.target, parsed.threads, cache=parsed.cache, encoder=parsed.encoder, mode="serving"),
        queue=QueueLimits(parsed.queue, parsed.max_batch_tokens),
        limits=Limits(parsed.max_body, parsed.max_items, parsed.timeout, parsed.body_timeout, parsed.header_timeout),
        workers=parsed.workers,
        connections=parsed.connections,
        keys=read_keys(parsed.api_keys, environment),
        tls=_tls(parsed),
        drain_seconds=parsed.drain,
        log=parsed.log,
    )


def _tls(parsed: argparse.Namespace) -> Tls | None:
    """The certificate, where there is one; raises InputError for half of it, and files that are not there."""
    given = {"--tls-cert": parsed.tls_cert, "--tls-key": parsed.tls_key, "--tls-client-ca": parsed.tls_client_ca}
    if not any(given.values()):
        return None
    problems = [f"{flag} is missing, expected it beside the others" for flag in list(given)[:2] if given[flag] is None]
    problems += [f"{path}: is no file, expected a PEM file" for path in given.values() if path and not path.is_file()]
    if problems:
        raise InputError(problems)
    return Tls(parsed.tls_cert, parsed.tls_key, parsed.tls_client_ca)


def _add_flags(parser: Parser) -> None:
    parser.add_argument(
        "bundles", nargs="*", metavar="DIR", help="a bundle, called as its last part, or NAME=DIR; or a hub id"
    )
    server = parser.add_argument_group("server")
    server.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine alone")
    server.add_argument("--port", type=whole_number, default=8000, metavar="N", help="0: any that is free")
    server.add_argument("--workers", type=whole_number, default=1, metavar="N", help="processes; default: 1")
    server.add_argument(
        "--connections", type=whole_number, default=8192, metavar="N", help="open at once in a process; default: 8192"
    )
    server.add_argument(
        "--drain", type=number, default=1.0, metavar="SECONDS", help="told to stop, still answer so long; default: 1"
    )
    server.add_argument(
        "--log",
        choices=("requests", "errors", "nothing"),
        default="requests",
        help="default: requests, a line for each",
    )
    secure = parser.add_argument_group("security")
    secure.add_argument(
        "--api-keys", type=Path, metavar="FILE", help=f"keys, one a line; beside those in the environment's {VARIABLE}"
    )
    secure.add_argument("--tls-cert", type=Path, metavar="FILE", help="the server's certificate, PEM")
    secure.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, PEM")
    secure.add_argument(
        "--tls-client-ca", type=Path, metavar="FILE", help="clients must show a certificate signed by it"
    )
    _add_limits(parser)
    loading = parser.add_argument_group("loading")
    loading.add_argument("--target", default="auto", help="the artefact to run, never another (default: auto)")
    loading.add_argument("--threads", type=whole_number, metavar="N", help="default: the CPUs this process may use")
    loading.add_argument(
        "--cache", type=Path, metavar="DIR", help="where engines that compile keep it; default: nowhere"
    )
    loading.add_argument("--encoder", metavar="DIR", help="for decoders that read an encoder: its bundle")
    add_triton_flags(parser)


def _add_limits(parser: Parser) -> None:
    limits, queue = Limits(), QueueLimits()
    group = parser.add_argument_group("limits")
    group.add_argument(
        "--queue",
        type=whole_number,
        default=queue.max_waiting,
        metavar="N",
        help=f"texts of a model that wait at most; more are refused with 429 (default: {queue.max_waiting})",
    )
    group.add_argument(
        "--max-batch-tokens",
        type=whole_number,
        default=queue.max_batch_tokens,
        metavar="N",
        help=f"tokens of a batch, padding included (default: {queue.max_batch_tokens})",
    )
    group.add_argument(
        "--timeout", type=number, default=limits.seconds, metavar="SECONDS", help="of a request (default: 30)"
    )
    group.add_argument(
        "--max-body", type=whole_number, default=limits.body, metavar="BYTES", help=f"default: {limits.body}"
    )
    group.add_argument(
        "--max-items",
        type=whole_number,
        default=limits.items,
        metavar="N",
        help=f"texts of a request (default: {limits.items})",
    )
    group.add_argument(
        "--body-timeout", type=number, default=limits.body_seconds, metavar="SECONDS", help="for a body (default: 10)"
    )
    group.add_argument(
        "--header-timeout",
        type=number,
        default=limits.header_seconds,
        metavar="SECONDS",
        help="for headers (default: 10)",
    )
