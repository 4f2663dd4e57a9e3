"""The run directory: its files, name and lock, and the search for runs below a folder."""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from engine.core.errors import UserError
from engine.core.files import check_own, fsync_folder, open_own, open_regular, write_synced
from engine.core.paths import expand_home
from engine.core.text import printable
from engine.run.lock import Holder, RunLock, StaleLockError, refusal, try_flock

Share: TypeAlias = Literal["private", "group"]
"""Who may read a run's folder: its owner alone, or the owner's group too."""

VALIDATION = "validation.csv"
"""Name of the file with the predictions for the validation images."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=@-]{0,99}")


@dataclass(frozen=True, slots=True)
class RunDir:
    """The paths of one run. Only ``create``, ``lock`` and ``is_alive`` access the file system."""

    path: Path

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.path.name

    @property
    def recipe(self) -> Path:
        """The complete recipe, TOML."""
        return self.path / "recipe.toml"

    @property
    def journal(self) -> Path:
        """The events, one JSON object per line."""
        return self.path / "events.jsonl"

    @property
    def lock_file(self) -> Path:
        """The file that a running engine locks, and that names it."""
        return self.path / "lock"

    @property
    def train_log(self) -> Path:
        """The log in the format of the report."""
        return self.path / "train.log"

    @property
    def engine_log(self) -> Path:
        """The output of the engine's process."""
        return self.path / "engine.log"

    @property
    def commands(self) -> Path:
        """The folder of commands sent to the engine."""
        return self.path / "commands"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints ``best`` and ``last``."""
        return self.path / "checkpoints"

    @property
    def split(self) -> Path:
        """The images that the run began with, by split."""
        return self.path / "split.csv"

    @property
    def validation(self) -> Path:
        """The predictions of the best weights for the validation images; ``engine.analysis.predictions`` reads it."""
        return self.path / VALIDATION

    @property
    def tested(self) -> Path:
        """The predictions of the best weights for the labelled test images, in the format of ``validation``."""
        return self.path / "test.csv"

    @property
    def outliers(self) -> Path:
        """The list of all images that were ever excluded."""
        return self.path / "outliers.csv"

    @property
    def outliers_picture(self) -> Path:
        """The contact sheet of the outliers."""
        return self.path / "outliers.png"

    @property
    def deleted(self) -> Path:
        """The list of files deleted by ``outliers.action=delete``."""
        return self.path / "deleted.jsonl"

    @property
    def prediction(self) -> Path:
        """The predictions for the test images."""
        return self.path / "prediction.csv"

    def confusion_picture(self, epoch: int | None = None) -> Path:
        """Return the path of an epoch's confusion matrix, or, without ``epoch``, of the best epoch's."""
        return self.path / f"confusion_matrix{'' if epoch is None else epoch}.png"

    @property
    def test_confusion_picture(self) -> Path:
        """The confusion matrix of the labelled test images."""
        return self.path / "confusion_matrix_test.png"

    @classmethod
    def create(
        cls, runs: Path, name: str | None, model: str, recipe_toml: str, share: Share = "private"
    ) -> "RunDir":
        """Create a run folder below ``runs`` atomically, readable as ``share`` says.

        Without ``name`` it is named after the local time and the model. Raises UserError if the name is taken or
        invalid, OSError if the folder can't be written.
        """
        wanted = check_name(name) if name is not None else _default_name(model)
        made = not runs.exists()
        runs.mkdir(parents=True, exist_ok=True)
        temporary = runs / f".new-{uuid.uuid4().hex[:12]}"
        try:
            temporary.mkdir(mode=folder_mode(share))
            (temporary / "checkpoints").mkdir(mode=folder_mode(share))
            (temporary / "commands").mkdir(mode=0o700)
            write_synced(temporary / "recipe.toml", recipe_toml.encode())
            fsync_folder(temporary)
            target = _rename_free(temporary, runs, wanted, numbered=name is None)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            if made:
                with contextlib.suppress(OSError):
                    runs.rmdir()
            raise
        fsync_folder(runs)
        return cls(target)

    def lock(self, wait: float = 0.0, *, force: bool = False, writes: bool = True) -> RunLock:
        """Lock the run, trying for ``wait`` seconds.

        Raises UserError if another process holds the lock, and StaleLockError if one on another host may, unless
        ``force`` is given. With ``writes``, also raises UserError if a log file is a link or not a regular file.
        """
        deadline = time.monotonic() + wait
        # Checked before an engine is started, which could only fail.
        for path in (self.journal, self.train_log, self.engine_log) if writes else ():
            check_own(path)
        fd = open_own(self.lock_file, os.O_RDWR)
        while True:
            if try_flock(fd, fcntl.LOCK_EX):
                refused = None if force else refusal(fd, printable(self.name))
            else:
                refused = UserError(
                    f"run {printable(self.name)} is already running{_named(fd)}; vrdl-tui attach opens it"
                )
            if refused is None:
                return RunLock(fd)
            if time.monotonic() >= deadline or isinstance(refused, StaleLockError):
                os.close(fd)
                raise refused
            time.sleep(0.02)

    def is_alive(self) -> bool:
        """Return whether an engine holds the run's lock, on this host or another."""
        try:
            file = open_regular(self.lock_file, follow=False)
        except OSError:
            return False
        with file:
            if not try_flock(file.fileno(), fcntl.LOCK_SH):
                return True
            holder = Holder.read(file.fileno())
            return holder is not None and holder.is_alive()


def folder_mode(share: Share) -> int:
    """Return the mode of a run's folder. Its files grant no access that the folder doesn't."""
    return 0o750 if share == "group" else 0o700


def check_name(name: str) -> str:
    """Return ``name`` if it is a valid name for a run. Raises UserError."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"run name '{printable(name, 80)}': use 1 to 100 letters, digits and . _ + = @ -, "
            "a letter or digit first"
        )
    return name


def _named(fd: int) -> str:
    holder = Holder.read(fd)
    return f" ({holder})" if holder else ""


def _default_name(model: str) -> str:
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", model.split("/")[-1]).strip("-.")[:60] or "model"
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{short}"


def _rename_free(temporary: Path, runs: Path, name: str, *, numbered: bool) -> Path:
    """Rename the folder to ``name``, or with ``numbered`` to the first free one of name, name-2, name-3, …"""
    for number in range(1, 1000 if numbered else 2):
        target = runs / (name if number == 1 else f"{name}-{number}")
        if os.path.lexists(target):
            continue
        try:
            temporary.rename(target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # created by another process meanwhile
                continue
            raise
        return target
    raise UserError(f"run {printable(name)} exists already in {printable(str(runs))}; choose another --name")


def is_run(path: Path) -> bool:
    """Return whether ``path`` is the folder of a run, which has a ``recipe.toml``."""
    return (path / "recipe.toml").is_file()


def find_run(runs: Path, wanted: str | None) -> RunDir:
    """Return the run named ``wanted`` below ``runs`` or at that path; None: the newest run. Raises UserError."""
    if wanted is None:
        listed = find_runs(runs)
        if not listed:
            raise UserError(f"no runs in {printable(str(runs))}; start one with: vrdl-tui train DATA")
        return listed[0].run
    if not wanted:
        raise UserError("RUN is empty; give the name of a run, or its path; vrdl-tui runs lists them")
    if is_run(runs / wanted):
        return RunDir(runs / wanted)
    if is_run(typed := expand_home(wanted)):
        return RunDir(typed)
    raise UserError(f"no run {printable(wanted)} in {printable(str(runs))}; vrdl-tui runs lists them")


_DEPTH = 4


class FoundRun(NamedTuple):
    """A run found by ``find_runs``."""

    run: RunDir
    name: str
    """Its path relative to the folder that was searched."""
    created: float
    """When its recipe was last written, seconds since the Unix epoch."""


def find_runs(runs: Path, depth: int = _DEPTH) -> list[FoundRun]:
    """Return the runs below ``runs``, newest first; none if the folder is missing.

    Searches ``depth`` levels of folders (1: only those directly in ``runs``). Symbolic links are not followed. Hidden
    folders, folders inside a run and folders that can't be read are skipped.
    """
    found: list[FoundRun] = []
    _search(str(runs), "", depth, found)
    return sorted(found, key=lambda one: (one.created, one.name), reverse=True)


def _search(folder: str, prefix: str, depth: int, found: list[FoundRun]) -> None:
    try:
        with os.scandir(folder) as entries:
            below = [
                entry
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return
    for entry in below:
        try:
            created = os.stat(f"{entry.path}/recipe.toml").st_mtime  # noqa: PTH116 - 1,000 of them in a few ms
        except OSError:
            if depth > 1:
                _search(entry.path, f"{prefix}{entry.name}/", depth - 1, found)
            continue
        found.append(FoundRun(RunDir(Path(entry.path)), prefix + entry.name, created))
