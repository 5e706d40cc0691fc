"""`manifest.json` as bytes: read with every type and value checked, written so that equal manifests are equal bytes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from bert_runtime import strict_json
from bert_runtime.errors import BundleError, Problem
from bert_runtime.json_record import Record
from bert_runtime.manifest import FORMAT, OLDEST, VERSION, Artefact, Manifest
from bert_runtime.manifest_consistency import contradictions
from bert_runtime.manifest_records import read_manifest
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tokenizer_record import TokenizerRecord

NAME = "manifest.json"
MAX_BYTES = 16 * 2**20

_SHOWN = 20


def parse(content: bytes) -> Manifest:
    """The manifest that the bytes of a `manifest.json` hold.

    Raises:
        BundleError: rules 3 to 17 of BUNDLE.md; every problem of a manifest of our version at once.
    """
    if len(content) > MAX_BYTES:
        raise BundleError(
            Problem("too-large", NAME, f"{NAME}: has more than {MAX_BYTES} bytes; export the bundle again")
        )
    value = strict_json.loads(content, NAME)
    _check_version(value)
    problems: list[str] = []
    record = Record(value, "", problems)
    manifest = read_manifest(record)
    record.close()
    raise_problems(problems or contradictions(manifest, NAME), NAME)
    return manifest


def render(manifest: Manifest) -> bytes:
    """The bytes of `manifest.json`: sorted keys, two spaces, a final newline; equal manifests give equal bytes.

    Raises:
        BundleError: provenance, verification or quality hold what JSON cannot write, such as a NaN.
    """
    fields = {field.name: _plain(getattr(manifest, field.name)) for field in dataclasses.fields(manifest)}
    try:
        text = json.dumps({"format": FORMAT, **fields}, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        return (text + "\n").encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise BundleError(f"{NAME}: {error}; expected values that JSON can write in every field") from error


def raise_problems(problems: list[str], name: str) -> None:
    """Raise one BundleError that tells every problem (the first 20 of a flood); do nothing when there is none."""
    if problems:
        more = [f"and {len(problems) - _SHOWN} more problems"] if len(problems) > _SHOWN else []
        raise BundleError(f"{name}: {'; '.join(problems[:_SHOWN] + more)}; copy or export the bundle again", problems)


def _check_version(value: object) -> None:
    """The format and its version, alone and first: under another version every other key may mean something else."""
    if not isinstance(value, dict):
        raise BundleError(
            Problem(
                "wrong-type",
                "",
                f"{NAME}: is no JSON object, expected one with the format {FORMAT!r}; export the bundle again",
            )
        )
    if value.get("format") != FORMAT:
        found = f"{value.get('format')!r:.60}"
        raise BundleError(
            Problem(
                "wrong-format",
                "format",
                f"{NAME}: the format is {found}, expected {FORMAT!r}; name the directory of a bundle",
            )
        )
    version = value.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or not OLDEST <= version <= VERSION:
        what = "install the release that wrote it, or export the bundle again with this one"
        raise BundleError(
            Problem(
                "wrong-version",
                "version",
                f"{NAME}: the format's version is {version!r:.60}, this runtime reads {OLDEST} to {VERSION}; {what}",
            )
        )


_DEFAULTS: Mapping[type, Mapping[str, object]] = {
    Artefact: {"cross_kv_graph": None, "sequence_packing": None},
    HeadSettings: {"activation": None, "prompts": {}, "default_prompt": None},
    TokenizerRecord: {"truncation_side": "right", "pair_type_ids": (0, 1), "lower_case": False, "special_tokens": {}},
}
"""What an absent key means: a field with this value is not written."""


def _plain(value: object) -> object:
    """Dataclasses and mappings as dicts; lists and scalars as they are. What an absent key means is left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        defaults = _DEFAULTS.get(type(value), {})
        fields = dataclasses.asdict(value)
        return {key: item for key, item in fields.items() if key not in defaults or item != defaults[key]}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
