"""``vrdl-tui``: what goes wrong on the user's side becomes one line and exit code 2."""

import errno
import io
import os
import signal
import sys

_READER_GONE = 128 + 13
_REMEDIES = {
    errno.ENOSPC: "; make room on its disk",
    errno.EDQUOT: "; make room, or have the quota raised",
    errno.EROFS: "; it is on a disk that is read-only",
    errno.EACCES: "; it belongs to someone else, or is write-protected",
}


def main() -> int:
    """Run the command line and return the exit code: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale that can't write a name must not stop the program
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run()
    except BrokenPipeError:
        # The interpreter flushes once more on its way out, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _READER_GONE
    except KeyboardInterrupt:
        # Another one would end in a traceback. And where this one came while Python executed a string, as it does to
        # make a dataclass, the interpreter itself ends by SIGINT, whatever is returned, unless SIGINT is blocked.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        return 130


def _run() -> int:
    # Nothing is imported before: an interrupt from here on is answered.
    from engine.core.errors import UserError
    from engine.core.text import printable

    try:
        from engine.core.offline import keep_offline
        from tui.cli.program import run

        keep_offline()
        code = run(sys.argv[1:])
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except UserError as error:
        return _complain(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{printable(str(error.filename))}: " if error.filename is not None else ""
        return _complain(f"{where}{error.strerror or error}{_REMEDIES.get(error.errno or 0, '')}")


def _complain(message: str) -> int:
    print(f"vrdl-tui: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
