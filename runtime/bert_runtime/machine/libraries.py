"""Where a shared library would be found by its name, without loading it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_DEFAULT = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib64", "lib", "usr/lib")
_CACHE = "etc/ld.so.cache"
_WHEELS = ("nvidia/*/lib", "tensorrt_libs")


class Libraries:
    """The places of the dynamic loader (LD_LIBRARY_PATH, its cache, its own folders), then those of NVIDIA's wheels.

    The wheels' folders are no places of the loader: `preload` has to open what lies there before a provider does.
    """

    def __init__(self, root: Path, packages: Sequence[Path], environment: Mapping[str, str]) -> None:
        own = [Path(folder) for folder in environment.get("LD_LIBRARY_PATH", "").split(":") if folder]
        wheels = [found for package in packages for pattern in _WHEELS for found in sorted(package.glob(pattern))]
        self._first = own
        self._last = [*(root / folder for folder in _DEFAULT), *wheels]
        self._cached = dict(_cached(root))

    def find(self, name: str) -> Path | None:
        """The file that has this exact name, such as `libcudart.so.13`."""
        in_cache = [self._cached[name]] if name in self._cached else []
        places = [*(folder / name for folder in self._first), *in_cache, *(folder / name for folder in self._last)]
        return next((place for place in places if place.is_file()), None)


def _cached(root: Path) -> Iterator[tuple[str, Path]]:
    """Name -> file of the loader's cache: its strings are each library's name, then its path, ended by zeros."""
    try:
        content = (root / _CACHE).read_bytes()
    except OSError:
        return
    for text in content.split(b"\0"):
        if text.startswith(b"/") and b".so" in text:
            path = Path(text.decode("utf-8", "surrogateescape"))
            yield path.name, root / path.relative_to("/")
