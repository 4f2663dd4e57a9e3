"""Quarantine, deletion and restoration of outliers' files, each recorded in a manifest beforehand."""

import contextlib
import os
import tempfile
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from engine.core.errors import UserError
from engine.core.files import is_plain, is_plain_path
from engine.core.text import encodable, printable
from engine.journal.events import OutlierExcluded
from engine.outliers.files.manifest import Action, Content, Line, Manifest, Owner, Planned, Returned
from engine.outliers.files.moving import (
    CHANGED,
    RefusedError,
    delete_all,
    give_name,
    move_all,
    must_move,
    open_class,
    open_folder,
    read_content,
    status,
    take_all,
)
from engine.outliers.files.place import beside, find_quarantine, make_quarantine
from engine.run.directory import RunDir

NOT_NAMED = "no manifest names it"
"""Why a file that isn't in the quarantine, or whose quarantine is elsewhere, can't be moved back."""

_Key: TypeAlias = tuple[str, str]  # folder relative to the training folder, and file


class Taken(NamedTuple):
    """The result of quarantining or deleting one outlier's file."""

    event: OutlierExcluded
    """Includes action, sha256 and moved_to. The action is ``exclude`` if the file stays in place."""
    problem: str
    """Why the file stays in place; "" if it was moved or deleted."""


class Quarantine:
    """Moves or deletes the files of a run's outliers, and moves quarantined files back. One per run.

    Every file is recorded in a synced manifest before it is touched: ``manifest.jsonl`` in the quarantine, or the
    run's ``deleted.jsonl``. Repeating an interrupted call completes it. Only regular files in class folders of
    ``train`` and in folders below them are touched, never through a link. Raises OSError if an existing manifest can't
    be read.
    """

    def __init__(self, train: Path, run: RunDir, action: Action) -> None:
        self._train = train
        self._run = run
        self._action = action
        self._planned: dict[_Key, Planned] = {}
        self._returned: set[_Key] = set()
        """Keys of ``_planned`` whose files were moved back or never left."""
        self._manifest = Manifest(run.deleted) if action == "delete" else find_quarantine(train, run)
        if self._manifest is not None:
            self._remember(self._manifest.read())

    def take(self, outliers: Sequence[tuple[Path, OutlierExcluded]]) -> list[Taken]:
        """Move or delete the files of ``outliers``, given as path and event, and return the results in that order.

        Files that were moved or deleted before are skipped. Raises UserError if the manifest can't be written and none
        of the files has been touched; OSError on any other disk failure, after which the call can be repeated.
        """
        plans = self._plan(outliers)
        problems = self._carry_out([plan for plan in plans if isinstance(plan, Planned)])
        taken = []
        for (_, event), plan in zip(outliers, plans, strict=True):
            if isinstance(plan, str):
                taken.append(Taken(msgspec.structs.replace(event, action="exclude"), plan))
                continue
            problem = problems.get((plan.class_name, plan.file), "")
            moved = self._folder() / plan.class_name / plan.file if self._action == "quarantine" else ""
            done = msgspec.structs.replace(
                event,
                action="exclude" if problem else self._action,
                sha256=plan.content.sha256,
                moved_to="" if problem else encodable(str(moved)),
            )
            taken.append(Taken(done, problem))
        return taken

    def restore(self, files: Sequence[tuple[str, str]]) -> list[str]:
        """Move files back to their class folders; return for each "" or why it can't be moved back.

        ``files`` are pairs of a folder relative to the training folder and a file name, as on disk or as in the journal
        (``encodable``). A file that is already back counts as restored.
        """
        found = [self._find(*file) for file in files]
        classes: dict[str, dict[str, Planned]] = {}
        for planned in found:
            if planned is not None:
                classes.setdefault(planned.class_name, {})[planned.file] = planned
        problems: dict[_Key, str] = {}
        for name, wanted in classes.items():
            refused = self._restore_class(name, wanted)
            problems |= {(name, file): problem for file, problem in refused.items()}
        return [problems.get((one.class_name, one.file), "") if one else NOT_NAMED for one in found]

    def _plan(self, outliers: Sequence[tuple[Path, OutlierExcluded]]) -> list[Planned | str]:
        """Record new outliers in the manifest; return each outlier's entry, or why its file must not be touched."""
        plans: list[Planned | str] = []
        fresh = []
        with open_folder(self._train) as train:
            for path, event in outliers:
                key = self._key(path)
                if key in self._planned and key not in self._returned:
                    plans.append(self._planned[key])
                    continue
                try:
                    _check_class(event.class_name, key[0])
                    with open_class(train, key[0]) as folder:
                        content = read_content(folder, path.name)
                except RefusedError as error:
                    if key not in self._planned:
                        plans.append(str(error))
                        continue
                    content = self._planned[
                        key
                    ].content  # it may still be moved: restoring it was interrupted
                fresh.append(Planned(self._action, *key, content, event.error, event.threshold, time.time()))
                plans.append(fresh[-1])
        try:
            if fresh and self._manifest is None:
                self._manifest = make_quarantine(self._train, self._run)
            if fresh:
                self._record(fresh)
        except OSError as error:
            if sum(isinstance(plan, Planned) for plan in plans) > len(fresh):
                raise  # files of an earlier attempt may have been moved or deleted already
            place = self._run.deleted if self._action == "delete" else beside(self._train)
            raise UserError(
                f"{printable(str(place))} can't be written: {error.strerror}; no file was touched; make it writable, "
                "or set outliers.action=exclude"
            ) from None
        return plans

    def _carry_out(self, plans: Sequence[Planned]) -> dict[_Key, str]:
        """Move or delete the planned files; return, by key, why files stay in place."""
        classes: dict[str, dict[str, Content]] = {}
        for planned in plans:
            classes.setdefault(planned.class_name, {})[planned.file] = planned.content
        problems: dict[_Key, str] = {}
        with open_folder(self._train) as train:
            for name, files in classes.items():
                try:
                    # A user may have removed a class folder that a killed attempt left empty.
                    with open_class(train, name, make=True) as source:
                        move = self._action == "quarantine"
                        found = self._move(name, files, source) if move else delete_all(files, source)
                except RefusedError as error:
                    found = dict.fromkeys(files, str(error))
                problems |= {(name, file): problem for file, problem in found.items()}
        if problems:
            self._record([Returned(*key, problem, time.time()) for key, problem in problems.items()])
        return problems

    def _move(self, class_name: str, files: dict[str, Content], source: int) -> dict[str, str]:
        with open_folder(self._folder()) as quarantine:
            with open_class(quarantine, class_name, make=True) as target:
                problems = move_all(files, source, target)
            _remove_if_empty(quarantine, class_name)
        return problems

    def _restore_class(self, name: str, wanted: dict[str, Planned]) -> dict[str, str]:
        """Move a class's files back, as one batch between two syncs; return, by name, why others can't be."""
        try:
            with open_folder(self._train) as train:
                if self._action == "delete":
                    return _check_in_place(train, name, wanted)
                return self._put_back(train, name, wanted)
        except RefusedError as error:
            return dict.fromkeys(wanted, str(error))
        except OSError as error:  # some may have been moved back, which a repeated call detects
            return dict.fromkeys(wanted, f"it can't be moved: {error.strerror}")

    def _put_back(self, train: int, name: str, wanted: dict[str, Planned]) -> dict[str, str]:
        with open_folder(self._folder()) as quarantine:
            try:
                with open_class(quarantine, name, make=True) as source:
                    away = any(status(source, file) is not None for file in wanted)
                    with open_class(train, name, make=away) as target:
                        try:
                            problems = self._give_back(wanted, source, target)
                        finally:  # a file with both names is back in place, changed or not
                            unmoved = take_all(wanted, source, target)
                        return unmoved | problems
            finally:
                _remove_if_empty(quarantine, name)

    def _give_back(self, wanted: dict[str, Planned], source: int, target: int) -> dict[str, str]:
        """Record the files that can be moved back and link them in ``target``; return, by name, why others can't be."""
        problems: dict[str, str] = {}
        for file, planned in wanted.items():
            try:
                # Compare the bytes even if size and time are unchanged.
                if (
                    must_move(file, planned.content, source, target)
                    and read_content(source, file).sha256 != planned.content.sha256
                ):
                    raise RefusedError(CHANGED)
            except RefusedError as error:
                problems[file] = str(error)
        going = [planned for file, planned in wanted.items() if file not in problems]
        keys = [(planned.class_name, planned.file) for planned in going]
        if fresh := [key for key in keys if key not in self._returned]:
            self._record([Returned(*key, "restored", time.time()) for key in fresh])
        for planned in going:
            try:
                give_name(planned.file, planned.content, source, target)
            except RefusedError as error:
                problems[planned.file] = str(error)
        return problems

    def _key(self, path: Path) -> _Key:
        """Return the folder of an image relative to the training folder, "" if it is elsewhere, and the file's name."""
        folder = path.parent
        inside = self._train in folder.parents
        return folder.relative_to(self._train).as_posix() if inside else "", path.name

    def _find(self, folder: str, file: str) -> Planned | None:
        if (folder, file) in self._planned:
            return self._planned[folder, file]
        shown = ((encodable(one.class_name), encodable(one.file), one) for one in self._planned.values())
        return next((one for *named, one in shown if named == [folder, file]), None)

    def _record(self, lines: Sequence[Line]) -> None:
        assert self._manifest is not None
        self._manifest.append(lines)
        self._remember(lines)

    def _remember(self, lines: Sequence[Line]) -> None:
        for line in lines:
            # A line that names a path outside the class folders wasn't written by this program.
            if isinstance(line, Owner) or not (is_plain_path(line.class_name) and is_plain(line.file)):
                continue
            if isinstance(line, Planned):
                self._planned[line.class_name, line.file] = line
                self._returned.discard((line.class_name, line.file))
            else:
                self._returned.add((line.class_name, line.file))

    def _folder(self) -> Path:
        assert self._manifest is not None
        return self._manifest.path.parent


def check_action(train: Path, action: Action) -> None:
    """Raise UserError if files can't be moved or deleted as ``action`` requires. Leaves no files behind.

    Checks the class folders of ``train`` and, for ``quarantine``, the folder next to it.
    """
    remedy = "set outliers.action=exclude"
    device = _probe(train) if action == "quarantine" else None
    with os.scandir(train) as entries:
        folders = [one for one in entries if one.is_dir(follow_symlinks=False) and one.name[0] != "."]
    for folder in folders:
        shown = f"outliers.action={action}: {printable(folder.path)}"
        if not os.access(folder.path, os.W_OK | os.X_OK):
            raise UserError(f"{shown} can't be written; make it writable, or {remedy}")
        if device not in (None, folder.stat(follow_symlinks=False).st_dev):
            raise UserError(f"{shown} is on another file system than the folder next to it; {remedy}")


def _probe(train: Path) -> int:
    """Return the device number of the folder that holds the quarantines. Raises UserError if it isn't writable."""
    base = beside(train)
    shown = f"outliers.action=quarantine: {printable(str(base))}"
    try:
        if base.is_symlink() or (base.exists() and not base.is_dir()):
            raise UserError(f"{shown} is a link or not a folder; rename it, or set outliers.action=exclude")
        with tempfile.TemporaryDirectory(prefix=".", dir=base if base.exists() else base.parent) as probe:
            return Path(probe).stat().st_dev
    except OSError as error:
        raise UserError(f"{shown} can't be written: {error.strerror}; set outliers.action=exclude") from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hex, "" if it can't be read."""
    try:
        with open_folder(path.parent) as folder:
            return read_content(folder, path.name).sha256
    except (OSError, RefusedError):
        return ""


def _check_in_place(train: int, name: str, wanted: dict[str, Planned]) -> dict[str, str]:
    """Return, by name, why deleted files can't be restored; none for a file that the user has put back unchanged."""
    gone = dict.fromkeys(wanted, "it was deleted and can't be restored")
    with contextlib.suppress(RefusedError), open_class(train, name) as folder:
        for file, planned in wanted.items():
            with contextlib.suppress(RefusedError):
                if read_content(folder, file).sha256 == planned.content.sha256:
                    del gone[file]
    return gone


def _check_class(class_name: str, folder: str) -> None:
    """Raise RefusedError unless ``folder``, relative to the training folder, is that of the class or below it."""
    if not is_plain(class_name):
        raise RefusedError("its class is not a plain folder name")
    first = unicodedata.normalize("NFC", folder.split("/", 1)[0])
    if first != unicodedata.normalize("NFC", class_name) or not is_plain_path(folder):
        raise RefusedError("it is not in its class's folder")


def _remove_if_empty(parent: int, name: str) -> None:
    """Remove a class's folder in a quarantine, and the folders in it that lead to the file, unless they hold files."""
    while name:
        outer, _, last = name.rpartition("/")
        try:
            if outer:
                with open_class(parent, outer) as folder:
                    os.rmdir(last, dir_fd=folder)
            else:
                os.rmdir(last, dir_fd=parent)
        except (OSError, RefusedError):
            return
        name = outer
