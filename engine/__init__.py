"""The training engine: a process of its own that owns a run directory.

The light half (errors, files, text, recipe, layout, catalogue, rundir, events, journal, commands, state,
policy) imports no torch, no numpy and no image library, so that the console can use it and still paint at
once. Everything else is the heavy half, imported by ``python -m engine`` alone.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("vrdl-tui")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
