"""The training engine: a separate process that owns a run directory.

The light half imports neither torch nor numpy nor an image library, so that the console can use it and still start at
once; the import contracts in pyproject.toml list its modules. Everything else is the heavy half, which the console runs
only in other processes: ``python -m engine`` and the helpers that ``tui.helper`` starts.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str


def __getattr__(name: str) -> str:
    # On demand, because importing importlib.metadata would delay the start of the console.
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("vrdl-tui")
    except PackageNotFoundError:  # a source tree that is not installed
        return "0+unknown"
