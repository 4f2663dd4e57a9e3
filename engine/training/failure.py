"""One-line descriptions of the errors that end a run."""

from engine.core.errors import UserError, is_out_of_memory
from engine.core.text import printable
from engine.run.disk_space import is_broken


def cause(error: BaseException) -> str:
    """Return what went wrong, in one line."""
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
    """Return why a run failed and how to fix it, in one line; for an unexpected error, where its traceback is."""
    message = cause(error)
    if isinstance(error, UserError):
        return message
    if isinstance(error, OSError) and is_broken(error) and error.filename:
        return f"{message}; fix the disk, then resume: saved checkpoints are intact"
    if is_out_of_memory(error):
        message += (
            "; it is out of memory: lower data.batch_size (optim.grad_accum_steps can compensate), data.train_size or "
            "data.workers in recipe.toml and resume, or start a new run with a smaller model"
        )
    return f"{message} (the traceback is in engine.log)"
