"""Why a run failed, in one line for a person."""

from engine.core.errors import UserError, is_out_of_memory
from engine.core.text import printable
from engine.run.disk_space import is_broken


def cause(error: BaseException) -> str:
    """Return in a line what went wrong, without what to do about it."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        where = printable(str(error.filename2 or error.filename))
        return (
            f"{where} can't be written: {error.strerror}"
            if is_broken(error)
            else f"{where}: {error.strerror}"
        )
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def describe(error: BaseException) -> str:
    """Return in a line why a run failed, and what to do about it.

    Where nobody has put that into words yet, the traceback is in engine.log.
    """
    what = cause(error)
    if isinstance(error, UserError):
        return what
    if isinstance(error, OSError) and is_broken(error) and error.filename:
        return f"{what}; see to the disk and resume, what was saved is kept"
    if is_out_of_memory(error):
        what += (
            "; it is out of memory: lower data.batch_size (optim.grad_accum_steps makes up for it), data.train_size or "
            "data.workers in recipe.toml and resume, or start a new run with a smaller model"
        )
    return f"{what} (the traceback is in engine.log)"
