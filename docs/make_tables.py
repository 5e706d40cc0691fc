"""Write the tables of `guides/targets.md` and `guides/families.md` from the values in the packages.

    python docs/make_tables.py [--check]

`--check` compares instead of writing, and exits with 1 where a page differs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bert_export.families import FAMILIES, Family
from bert_runtime.targets import PRECISIONS, TARGETS, Target
from bert_runtime.tasks import TASKS

FOLDER = Path(__file__).parent / "guides"
BEGIN = "<!-- {name}: made by `python docs/make_tables.py`, do not edit -->"
END = "<!-- end of {name} -->"


def _widths(target: Target) -> str:
    multiples = target.pad_to_multiple_of
    if multiples.latency == multiples.throughput == 1:
        return "as they come"
    return f"multiples of {multiples.latency}, in throughput mode of {multiples.throughput}"


FEATURES: Mapping[str, tuple[Callable[[Target], str], bool]] = {
    "engine": (lambda target: target.provider.name if target.provider else target.module, True),
    "operators": (lambda target: target.operators.value, True),
    "widths of batches": (_widths, False),
    "sequence packing": (lambda target: "yes" if target.packs_sequences else "", False),
    "artefact for right-padded masks": (lambda target: "yes" if target.has_right_padded_artefact else "", True),
    "bf16 arithmetic": (lambda target: "yes" if "bf16" in target.precisions else "", False),
    "CUDA graphs": (lambda target: "yes" if target.has_cuda_graphs else "", False),
    "profile of shapes": (lambda target: "yes" if target.has_profile else "", False),
}
"""What a runtime has for a target -> how to say it, and whether the C++ runtime has it too."""


def tables() -> Iterator[str]:
    """The lines between the marks."""
    yield from _table("precision", {name: lambda target, name=name: _made(target, name) for name in PRECISIONS})
    for target in TARGETS:
        for precision, reason in target.refusals.items():
            yield f"* `{target.name}` in {precision}: {reason}."
    yield ""
    yield from _table("Python runtime", {name: say for name, (say, _) in FEATURES.items()})
    yield from _table("C++ runtime", {name: _cpp(say, is_there) for name, (say, is_there) in FEATURES.items()})


def _made(target: Target, precision: str) -> str:
    if precision not in target.precisions:
        return "refused"
    return "yes, `auto`" if precision in target.auto_for else "yes"


def _cpp(say: Callable[[Target], str], is_there: bool) -> Callable[[Target], str]:
    def cell(target: Target) -> str:
        if target.module != "onnxruntime":
            return "refused"
        return say(target) if is_there else ""

    return cell


def _table(title: str, rows: Mapping[str, Callable[[Target], str]]) -> Iterator[str]:
    yield f"| {title} | {' | '.join(f'`{target.name}`' for target in TARGETS)} |"
    yield f"|---|{'---|' * len(TARGETS)}"
    for name, say in rows.items():
        yield f"| {name} | {' | '.join(say(target) for target in TARGETS)} |"
    yield ""


def families() -> Iterator[str]:
    """Family, head, target, tokenizer: one line for each family, and one for each head."""
    yield "| family | `model_type` | tokenizers | token types | positions |"
    yield "|---|---|---|---|---|"
    for family in FAMILIES:
        types = "yes" if family.embeddings.types else ""
        kinds = ", ".join(family.tokenizers)
        yield f"| {family.title} | `{family.name}` | {kinds} | {types} | {_positions(family)} |"
    yield ""
    yield f"| head | {' | '.join(f'`{family.name}`' for family in FAMILIES)} | targets |"
    yield f"|---|{'---|' * len(FAMILIES)}---|"
    targets = ", ".join(f"`{target.name}`" for target in TARGETS)
    for task in TASKS:
        cells = " | ".join("yes" if family.has(task) else "refused" for family in FAMILIES)
        yield f"| `{task.name}` | {cells} | {targets} |"


def _positions(family: Family) -> str:
    return family.positions.value + (", and a bias for distances" if family.relative_bias else "")


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {"targets": tables, "families": families}


def main() -> int:
    """Write or compare the pages; 1 where one differs."""
    return max([_page(name, lines) for name, lines in PAGES.items()])


def _page(name: str, lines: Callable[[], Iterator[str]]) -> int:
    path, begin, end = FOLDER / f"{name}.md", BEGIN.format(name=name), END.format(name=name)
    page = path.read_text(encoding="utf-8")
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    made = f"{before}{begin}\n\n" + "\n".join(lines()).rstrip() + f"\n\n{end}{after}"
    if "--check" not in sys.argv[1:]:
        path.write_text(made, encoding="utf-8")
        return 0
    if made != page:
        print(f"{path.name} is not what {Path(__file__).name} writes; run it", file=sys.stderr)
    return int(made != page)


if __name__ == "__main__":
    sys.exit(main())
