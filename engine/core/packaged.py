"""Files that come with the program: beside the installed package, or in ``assets`` of a source tree."""

from pathlib import Path


def packaged(name: str) -> Path:
    """Return the path of a file or folder that comes with the program."""
    engine = Path(__file__).parent.parent
    installed = engine / name
    return installed if installed.exists() else engine.parent / "assets" / name
