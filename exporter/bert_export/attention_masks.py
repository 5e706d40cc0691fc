"""Which artefacts are made for a target whose kernels are faster where padding stands on the right."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bert_runtime.targets import TARGETS

MASKS = ("both", "any", "right_padded")
RIGHT_PADDED_TARGETS = tuple(target.name for target in TARGETS if target.has_right_padded_artefact)


def mask_problems(masks: str, remove_padding: bool, targets: Collection[str]) -> Iterator[str]:
    """What is wrong with these options for these targets."""
    given = " and ".join(
        [*([f"--masks {masks}"] if masks != "both" else []), *(["--remove-padding"] if remove_padding else [])]
    )
    if masks not in MASKS:
        yield f"--masks is {masks!r}, expected one of {', '.join(MASKS)}"
    elif given and not set(RIGHT_PADDED_TARGETS) & set(targets):
        name = " or ".join(RIGHT_PADDED_TARGETS)
        yield f"{given}: for the target {name}, whose kernels depend on it; give --target {name}"
    elif remove_padding and masks != "both":
        yield (
            f"{given}, expected --remove-padding alone: only the artefact for right-padded masks loses its padding, "
            "and then only a GPU runs it; the artefact for any mask runs elsewhere"
        )


def shares_weights(target: str, masks: str) -> bool:
    """Whether two artefacts will read the same weights, so that these go into a file of their own."""
    return target in RIGHT_PADDED_TARGETS and masks == "both"
