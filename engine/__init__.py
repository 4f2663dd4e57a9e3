"""The training engine: a process of its own that owns a run directory.

The light half imports no torch, no numpy and no image library, so that the console can use it and still paint at
once; its modules are those that the import contracts in pyproject.toml list. Everything else is the heavy half: the
console leaves it to processes of their own, ``python -m engine`` and the helpers that ``tui.helper`` runs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str


def __getattr__(name: str) -> str:
    # Looked up when asked for: importing the library that knows it would delay the console's first words.
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("vrdl-tui")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"
