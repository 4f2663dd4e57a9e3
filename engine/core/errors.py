"""Errors caused by the user's input or system, as opposed to defects of the program."""

import errno


class UserError(Exception):
    """Invalid usage or input. Its message is one line that names the cause and the remedy.

    The command line prints it to stderr and exits with code 2. Once a run has begun, the engine records it in the
    journal as the reason why the run ended.
    """


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if it has none; not safe to show yet."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


_NO_MEMORY = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "insufficient memory", "status_alloc_failed",
)  # fmt: skip
"""Parts of the messages of CUDA, torch, the operating system, OpenCV and CUDA's libraries, in lower case."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether ``error`` means that memory ran out, on the host or on a device.

    Errors without a type of their own are recognized by their message: torch raises RuntimeError for many causes.
    """
    if isinstance(error, UserError):
        return False
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in _NO_MEMORY)
