"""Why a run failed, in one line for a person."""

from engine.disk_full import is_broken
from engine.errors import UserError
from engine.text import printable

_NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "insufficient memory")
"""As CUDA, torch, the system and OpenCV say it."""


def describe(error: BaseException) -> str:
    """Say in a line what went wrong; where nobody has put it into words yet, the traceback is in engine.log."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and is_broken(error) and error.filename:
        path = printable(str(error.filename))
        return (
            f"{path} can't be written: {error.strerror}; see to the disk and resume, what was saved is kept"
        )
    text = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    if isinstance(error, MemoryError) or any(word in str(error).lower() for word in _NO_MEMORY):
        what += (
            "; it is out of memory: lower data.batch_size (train.accumulate makes up for it), data.train_size or "
            "data.workers, or take a smaller model, in recipe.toml, and resume"
        )
    return f"{what} (the traceback is in engine.log)"
