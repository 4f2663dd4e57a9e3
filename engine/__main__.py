"""The training process: ``python -m engine RUN_DIR`` owns a run from start to end."""

import argparse
import faulthandler
import sys
from pathlib import Path

from engine.core.errors import UserError
from engine.core.offline import keep_offline
from engine.core.stop_signals import outlive_terminal
from engine.run.directory import RunDir, is_run
from engine.run.lock import RunLock
from engine.training.session import Session
from engine.training.tuning import tune_process


def main() -> int:
    """Run the engine and return the exit code: 0 done, 1 failed, 2 bad usage, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m engine", description="Train a run that vrdl-tui has prepared."
    )
    parser.add_argument("run_dir", type=Path, help="a folder with recipe.toml")
    parser.add_argument(
        "--lock-fd", type=int, help="file descriptor of the run's lock, inherited from the parent process"
    )
    arguments = parser.parse_args()
    faulthandler.enable()  # a crash leaves its signal and the Python frames in engine.log
    tune_process()
    keep_offline()
    outlive_terminal()
    run = RunDir(arguments.run_dir.resolve())
    try:
        if not is_run(run.path):
            raise UserError(f"no run in {arguments.run_dir}; start one with: vrdl-tui train DATA")
        lock = RunLock(arguments.lock_fd) if arguments.lock_fd is not None else run.lock(wait=1.0)
    except UserError as error:
        print(f"engine: {error}", file=sys.stderr)
        return 2
    lock.adopt()
    try:
        session = Session(run)
        lock.keep(run.lock_file, session.abandon)
        return session.run()
    finally:
        lock.release()


if __name__ == "__main__":
    sys.exit(main())
