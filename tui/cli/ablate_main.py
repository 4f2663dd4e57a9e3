"""``python -m tui.cli.ablate_main FOLDER --lock-fd N``: what the console starts to go on with a planned ablation.

It says what ``vrdl-tui ablate`` says, into the log that it was given for stdout and stderr, and ends as that does.
"""

import argparse
import sys
from pathlib import Path

from engine.analysis.ablation import load_plan
from engine.core.errors import UserError
from engine.core.stop_signals import outlive_terminal
from engine.core.text import printable
from engine.run.directory import RunDir
from engine.run.lock import RunLock
from tui.cli.ablate_runs import conduct
from tui.cli.say import note


def main() -> int:
    """Return the exit code: 0 done, 1 a run failed, 2 bad input, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tui.cli.ablate_main")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lock-fd", type=int, required=True)
    arguments = parser.parse_args()
    outlive_terminal()
    lock = RunLock(arguments.lock_fd)
    lock.adopt()
    lock.keep(RunDir(arguments.folder).lock_file, note)
    try:
        plan = load_plan(arguments.folder)
        if plan is None:
            raise UserError(f"no ablation in {printable(str(arguments.folder))}")
        return conduct(arguments.folder, plan)
    except UserError as error:
        note(str(error))
        return 2
    except OSError as error:
        note(printable(f"{error.filename}: {error.strerror}" if error.filename else str(error)))
        return 1
    finally:
        lock.release()


if __name__ == "__main__":
    sys.exit(main())
