"""Write the tables of targets and tasks, the words of the format and the limits, from Python's values.

    python runtime/cpp/tools/make_format_tables.py [--check]

The runtime's `targets` and `tasks`, its manifest reader and its limits are the one source of what both languages must
agree on. `--check` compares instead of writing, and exits with 1 where a table differs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from bert_runtime import (
    bundle,
    format_version,
    format_words,
    lines,
    manifest,
    manifest_json,
    onnx_file,
    operators,
    options,
    protobuf,
    records,
    session,
    strict_json,
)
from bert_runtime.backends import assignment
from bert_runtime.schedule import BatchLimits
from bert_runtime.table import column_map
from bert_runtime.targets import PRECISIONS, TARGETS, Target
from bert_runtime.targets.target import Operators
from bert_runtime.tasks import TASKS
from bert_runtime.tasks.task import Task
from bert_runtime.tasks.tensors import REQUEST_AXES, CrossAttention, TensorSpec
from bert_runtime.tasks.text_generation import request as generation
from bert_runtime.tokenizer_parts import limits as tokenizer_limits

ROOT = Path(__file__).parent.parent
HEADER = f"// Made by tools/{Path(__file__).name} from bert_runtime: change it there.\n"
WORDS_START = """#pragma once

#include <string>
#include <vector>

namespace bert_runtime {

"""
LIMITS_START = """#pragma once

#include <cstddef>
#include <cstdint>

namespace bert_runtime {

"""
WORDS_END = "\n\n}  // namespace bert_runtime\n"
WORDS: Mapping[str, Sequence[str]] = {
    "kPrecisions": PRECISIONS,
    "kMasks": format_words.MASKS,
    "kDtypes": format_words.DTYPES,
    "kProblemTypeNames": format_words.PROBLEM_TYPES,
    "kPoolingNames": format_words.POOLINGS,
    "kFirstPoolings": format_version.FIRST_POOLINGS,
    "kSpecialNames": format_words.SPECIAL,
    "kActivationNames": format_words.ACTIVATIONS,
    "kTruncationSides": format_words.TRUNCATION_SIDES,
    "kRequestAxes": sorted(REQUEST_AXES),
    "kShapeOperators": sorted(assignment.SMALL),
}

INTEGER, SIZE, DEPTH, NUMBER = "std::int64_t", "std::size_t", "int", "double"
PUBLIC_LIMITS: Sequence[tuple[str, str, float, str]] = (
    (SIZE, "kLookahead", session.LOOKAHEAD, "Requests that `predict` reads before it answers, to choose batches from."),
    (
        INTEGER,
        "kHeldTokens",
        session.MAX_BUFFERED_TOKENS,
        "Tokens of encoded requests beyond which `predict` reads no further.",
    ),
    (INTEGER, "kMostThreads", options.MOST_THREADS, "More than any machine has; an engine would start them all."),
    (INTEGER, "kMostLanes", generation.MOST_LANES, "Beams or texts of one request: each has a cache of its own."),
    (INTEGER, "kFormatVersion", manifest.VERSION, "The newest version of the bundle format that this library reads."),
    (INTEGER, "kOldestFormatVersion", manifest.OLDEST, "The oldest one."),
    (INTEGER, "kDefaultMaxBatchTokens", BatchLimits().max_batch_tokens, "See BatchLimits."),
    (INTEGER, "kDefaultMaxBatchSize", BatchLimits().max_batch_size, "See BatchLimits."),
    (NUMBER, "kDefaultMaxPadding", BatchLimits().max_padding, "See BatchLimits."),
    (NUMBER, "kDefaultMaxWait", BatchLimits().max_wait, "See BatchLimits."),
)
LIMITS: Sequence[tuple[str, str, float, str]] = (
    (SIZE, "kMaxManifestBytes", manifest_json.MAX_BYTES, ""),
    (INTEGER, "kMaxTokenizerBytes", bundle.MAX_TOKENIZER_BYTES, "Of a vocabulary of ten million tokens."),
    (INTEGER, "kMaxOtherBytes", bundle.MAX_OTHER_BYTES, "Of a file that neither an artefact nor the tokenizer names."),
    (INTEGER, "kMaxBundleBytes", bundle.MAX_BUNDLE_BYTES, "Of all files together."),
    (SIZE, "kMostArtefacts", format_words.MOST_ARTEFACTS, ""),
    (SIZE, "kMostFiles", format_words.MOST_FILES, ""),
    (INTEGER, "kMaxGraphBytes", onnx_file.MAX_BYTES, "What a protocol buffer can be."),
    (SIZE, "kMostShown", tokenizer_limits.MOST_SHOWN, "Problems of a tokenizer.json that are told."),
    (SIZE, "kMostTemplateTokens", tokenizer_limits.MOST_TEMPLATE_TOKENS, ""),
    (SIZE, "kMostAddedTokens", tokenizer_limits.MOST_ADDED_TOKENS, ""),
    (SIZE, "kMostParts", tokenizer_limits.MOST_PARTS, "Of a normalizer, a pre-tokenizer or a post-processor."),
    ("std::uint64_t", "kLongestWord", tokenizer_limits.LONGEST_WORD, "Characters of a word that WordPiece cuts."),
    (SIZE, "kLongestPiece", tokenizer_limits.LONGEST_PIECE, "Bytes of a piece of Unigram."),
    (SIZE, "kLongestAddedToken", tokenizer_limits.LONGEST_ADDED_TOKEN, "Bytes of an added token."),
    (SIZE, "kLongestReplacement", tokenizer_limits.LONGEST_REPLACEMENT, "Bytes that a normalizer puts somewhere."),
    ("std::uint64_t", "kMostGrowth", tokenizer_limits.MOST_GROWTH, "How many times longer a normalizer makes a text."),
    (NUMBER, "kLargestScore", tokenizer_limits.LARGEST_SCORE, "Of a piece of Unigram, above and below 0."),
    (DEPTH, "kMaxDepth", strict_json.MAX_DEPTH, "Levels of a bundle's JSON files."),
    (SIZE, "kMaxDigits", strict_json.MAX_DIGITS, "Digits of a number in them."),
    (DEPTH, "kMaxNesting", onnx_file.MAX_NESTING, "Graphs within graphs."),
    (SIZE, "kMostNodes", operators.MOST_NODES, "Of one graph."),
    (SIZE, "kMostInitializers", operators.MOST_INITIALIZERS, "Of one graph."),
    ("std::uint64_t", "kMaxTag", protobuf.MAX_TAG, "The tag of a protocol buffer's field."),
    (INTEGER, "kMaxFields", protobuf.MAX_FIELDS, "Fields of a protocol buffer."),
    (SIZE, "kMaxString", protobuf.MAX_STRING, "Bytes of a string in a protocol buffer."),
    (DEPTH, "kDeepest", records.DEEPEST, "Levels of a request in JSON."),
    (SIZE, "kLongestLine", lines.LONGEST_LINE, "Bytes of a line of requests."),
    (SIZE, "kLongestCell", lines.LONGEST_CELL, "An unclosed quote would read the whole file into memory."),
    (INTEGER, "kReported", column_map.REPORTED, "Skipped lines that standard error names; the output names all."),
)


def main() -> int:
    """Write or compare the tables; 1 where one differs."""
    wrong = []
    for name, text in tables().items():
        path = ROOT / name
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="ascii")
        elif path.read_text(encoding="ascii") != text:
            wrong.append(name)
    for name in wrong:
        print(f"{name} differs from bert_runtime; run {Path(__file__).name} again", file=sys.stderr)
    return int(bool(wrong))


def tables() -> dict[str, str]:
    """File name -> content."""
    words = [f"inline const std::vector<std::string> {name} = {strings(values)};" for name, values in WORDS.items()]
    return {
        "src/targets_table.inc": HEADER + "".join(f"{target(each)},\n" for each in TARGETS),
        "src/tasks_table.inc": HEADER + "".join(f"{task(each)},\n" for each in TASKS),
        "src/operators_table.inc": HEADER + operator_rows(),
        "src/format_words.h": HEADER + WORDS_START + "\n".join(words) + WORDS_END,
        "include/bert_runtime/limits.h": limits(PUBLIC_LIMITS),
        "src/format_limits.h": limits(LIMITS),
    }


def limits(rows: Sequence[tuple[str, str, float, str]]) -> str:
    """A header of constants."""
    lines = [
        f"/// {told}\n" * bool(told) + f"inline constexpr {kind} {name} = {value};" for kind, name, value, told in rows
    ]
    return HEADER + LIMITS_START + "\n".join(lines) + WORDS_END


def target(value: Target) -> str:
    """The initialiser of a C++ Target."""
    fields = {
        "name": string(value.name),
        "precisions": strings(value.precisions),
        "provider": string(value.provider.name if value.provider else "CPUExecutionProvider"),
        "module": string(value.module),
        "auto_rank": str(value.auto_rank),
        "is_on_gpu": boolean(value.is_on_gpu),
        "has_profile": boolean(value.has_profile),
        "has_fused_operators": boolean(value.operators is Operators.FUSED),
    }
    return struct(fields)


def operator_rows() -> str:
    """The initialisers of a map from (domain, name) to a C++ Operator."""
    return "".join(f"{{{{{string(domain)}, {string(name)}}}, {operator(each)}}},\n" for (domain, name), each in
                   operators.OPERATORS.items())  # fmt: skip


def operator(value: operators.Operator) -> str:
    """The initialiser of a C++ Operator."""
    kinds = braces(f"{{{string(name)}, {kind}}}" for name, kind in value.kinds.items())
    flags = ", ".join(boolean(each) for each in (value.folds, value.floats_only, value.on_gpu))
    return f"{{{kinds}, {value.like}, {flags}}}"


def task(value: Task[Any, Any, Any]) -> str:
    """The initialiser of a C++ Task; what is empty is left to its default."""
    fields = {
        "name": string(value.name),
        "aliases": strings(value.aliases),
        "reads": f"Reads::{value.reads.value.replace('-', '_')}",
        "outputs": specs(value.outputs),
        "plain_outputs": specs(value.plain_outputs),
        "graph_inputs": specs(value.graph_inputs),
        "cross_attention": cross_attention(value.cross_attention),
        "settings": strings(value.settings),
        "choices": boolean(value.choices),
        "is_autoregressive": boolean(value.is_autoregressive),
    }
    return struct({name: text for name, text in fields.items() if text not in ("{}", "false")})


def cross_attention(value: CrossAttention | None) -> str:
    """The initialiser of a C++ CrossAttention."""
    if value is None:
        return "{}"
    return f"CrossAttention{struct({name: specs(found) for name, found in vars(value).items()})}"


def specs(values: Sequence[TensorSpec]) -> str:
    """The initialiser of a vector of C++ TensorSpec."""
    return braces(f"{{{string(each.name)}, {string(each.dtype)}, {strings(each.axes)}}}" for each in values)


def struct(fields: Mapping[str, str]) -> str:
    """An initialiser with the names of its fields, one a line."""
    return "{\n" + "".join(f"    .{name} = {text},\n" for name, text in fields.items()) + "}"


def strings(values: Sequence[str]) -> str:
    """The initialiser of a vector of strings."""
    return braces(map(string, values))


def braces(parts: Any) -> str:
    """Parts between braces."""
    return "{" + ", ".join(parts) + "}"


def string(value: str) -> str:
    """A C++ string literal; the values are names of ASCII letters, digits and punctuation."""
    assert re.fullmatch(r"[ -~]*", value), value
    assert not set(value) & set('"\\'), value
    return f'"{value}"'


def boolean(value: bool) -> str:
    """A C++ bool."""
    return str(value).lower()


if __name__ == "__main__":
    sys.exit(main())
