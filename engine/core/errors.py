"""What goes wrong on the user's side of the line, as opposed to a defect of ours."""

import errno


class UserError(Exception):
    """Bad usage or bad input: its text is one line that names the thing at fault and the remedy.

    The command line prints it to stderr and leaves with exit code 2; the engine, once a run has begun,
    writes it into the journal as the reason of the end.
    """


_NO_MEMORY = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "insufficient memory", "status_alloc_failed",
)  # fmt: skip
"""As CUDA, torch, the system, OpenCV and CUDA's libraries say it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out, on the host or on a device.

    By words where there is no type for it: torch raises RuntimeError for memory as for anything else.
    """
    if isinstance(error, UserError):
        return False
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in _NO_MEMORY)
