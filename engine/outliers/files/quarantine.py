"""What happens to outliers' files: moved beside the data, deleted, put back; written down before it is done."""

import contextlib
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from engine.core.errors import UserError
from engine.core.files import is_plain
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

_Key: TypeAlias = tuple[str, str]  # class and file


class Taken(NamedTuple):
    """What became of an outlier's file."""

    event: OutlierExcluded
    """With action, sha256 and moved_to; its action is ``exclude`` for a file that stays where it is."""
    problem: str
    """Why it stays; "" for a file that was moved or deleted."""


class Quarantine:
    """Moves or deletes the files of a run's outliers, and puts moved ones back. One for a run.

    Every file is named in a manifest, synced, before it is touched: ``manifest.jsonl`` in the quarantine, or the
    run's ``deleted.jsonl``. Whatever was cut off is finished by asking for the same again. Only regular files in
    class folders directly below ``train`` are touched, never through a link. Raises OSError when the manifest that
    is there can't be read.
    """

    def __init__(self, train: Path, run: RunDir, action: Action) -> None:
        self._train = train
        self._run = run
        self._action = action
        self._planned: dict[_Key, Planned] = {}
        self._returned: set[_Key] = set()
        """Those of ``_planned`` that went back, or never left."""
        self._manifest = Manifest(run.deleted) if action == "delete" else find_quarantine(train, run)
        if self._manifest is not None:
            self._remember(self._manifest.read())

    def take(self, outliers: Sequence[tuple[Path, OutlierExcluded]]) -> list[Taken]:
        """Move or delete the files of ``outliers``: each one's path and what its event says so far.

        What was done before is not done again. Raises UserError when the manifest can't be written and none of them
        was ever touched; OSError for any other trouble with a disk, after which the same call goes on.
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
            told = msgspec.structs.replace(
                event,
                action="exclude" if problem else self._action,
                sha256=plan.content.sha256,
                moved_to="" if problem else encodable(str(moved)),
            )
            taken.append(Taken(told, problem))
        return taken

    def restore(self, files: Sequence[tuple[str, str]]) -> list[str]:
        """Put files back to their places; return for each why that can't be, or "". One may be there already.

        ``files`` are classes with a file's name, or that as the journal has it (``encodable``).
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
        unknown = "no manifest names it"
        return [problems.get((one.class_name, one.file), "") if one else unknown for one in found]

    def _plan(self, outliers: Sequence[tuple[Path, OutlierExcluded]]) -> list[Planned | str]:
        """Return what the manifest now has for each outlier, or why its file must not be touched."""
        plans: list[Planned | str] = []
        fresh = []
        with open_folder(self._train) as train:
            for path, event in outliers:
                key = event.class_name, path.name
                if key in self._planned and key not in self._returned:
                    plans.append(self._planned[key])
                    continue
                try:
                    if path.parent != self._train / event.class_name:
                        raise RefusedError("it is not in its class's folder")
                    with open_class(train, event.class_name) as folder:
                        content = read_content(folder, path.name)
                except RefusedError as error:
                    if key not in self._planned:
                        plans.append(str(error))
                        continue
                    content = self._planned[key].content  # it may be away: its return was cut off
                fresh.append(Planned(self._action, *key, content, event.error, event.threshold, time.time()))
                plans.append(fresh[-1])
        try:
            if fresh and self._manifest is None:
                self._manifest = make_quarantine(self._train, self._run)
            if fresh:
                self._note(fresh)
        except OSError as error:
            if sum(isinstance(plan, Planned) for plan in plans) > len(fresh):
                raise  # those that an earlier attempt planned may be moved or deleted already
            place = self._run.deleted if self._action == "delete" else beside(self._train)
            raise UserError(
                f"{printable(str(place))} can't be written: {error.strerror}; no file was touched; make it writable, "
                "or take outliers.action=exclude"
            ) from None
        return plans

    def _carry_out(self, plans: Sequence[Planned]) -> dict[_Key, str]:
        """Do what is planned; return the reasons for those that stay where they are."""
        classes: dict[str, dict[str, Content]] = {}
        for planned in plans:
            classes.setdefault(planned.class_name, {})[planned.file] = planned.content
        problems: dict[_Key, str] = {}
        with open_folder(self._train) as train:
            for name, files in classes.items():
                try:
                    # Someone may have removed a class folder that was left empty by an attempt that was killed.
                    with open_class(train, name, make=True) as source:
                        move = self._action == "quarantine"
                        found = self._move(name, files, source) if move else delete_all(files, source)
                except RefusedError as error:
                    found = dict.fromkeys(files, str(error))
                problems |= {(name, file): problem for file, problem in found.items()}
        if problems:
            self._note([Returned(*key, problem, time.time()) for key, problem in problems.items()])
        return problems

    def _move(self, class_name: str, files: dict[str, Content], source: int) -> dict[str, str]:
        with open_folder(self._folder()) as quarantine:
            with open_class(quarantine, class_name, make=True) as target:
                problems = move_all(files, source, target)
            _remove_if_empty(quarantine, class_name)
        return problems

    def _restore_class(self, name: str, wanted: dict[str, Planned]) -> dict[str, str]:
        """Put files of a class back, all at once between two syncs; return why, by name, for the others."""
        try:
            with open_folder(self._train) as train:
                if self._action == "delete":
                    return _check_in_place(train, name, wanted)
                return self._put_back(train, name, wanted)
        except RefusedError as error:
            return dict.fromkeys(wanted, str(error))
        except OSError as error:  # some may be back: asking again finds them so
            return dict.fromkeys(wanted, f"it can't be moved: {error.strerror}")

    def _put_back(self, train: int, name: str, wanted: dict[str, Planned]) -> dict[str, str]:
        with open_folder(self._folder()) as quarantine:
            try:
                with open_class(quarantine, name, make=True) as source:
                    away = any(status(source, file) is not None for file in wanted)
                    with open_class(train, name, make=away) as target:
                        try:
                            problems = self._give_back(wanted, source, target)
                        finally:  # a file that has both names is in its place, changed or not
                            unmoved = take_all(wanted, source, target)
                        return unmoved | problems
            finally:
                _remove_if_empty(quarantine, name)

    def _give_back(self, wanted: dict[str, Planned], source: int, target: int) -> dict[str, str]:
        """Write down which files go back, and give them their names; return why for those that must stay."""
        problems: dict[str, str] = {}
        for file, planned in wanted.items():
            try:
                # The bytes count here, whatever size and time say.
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
            self._note([Returned(*key, "restored", time.time()) for key in fresh])
        for planned in going:
            try:
                give_name(planned.file, planned.content, source, target)
            except RefusedError as error:
                problems[planned.file] = str(error)
        return problems

    def _find(self, class_name: str, file: str) -> Planned | None:
        if (class_name, file) in self._planned:
            return self._planned[class_name, file]
        named = (one for one in self._planned.values() if encodable(one.file) == file)
        return next((one for one in named if one.class_name == class_name), None)

    def _note(self, lines: Sequence[Line]) -> None:
        assert self._manifest is not None
        self._manifest.append(lines)
        self._remember(lines)

    def _remember(self, lines: Sequence[Line]) -> None:
        for line in lines:
            # A manifest that names a file elsewhere is not one of ours.
            if isinstance(line, Owner) or not (is_plain(line.class_name) and is_plain(line.file)):
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
    """Raise UserError if files can't be moved or deleted as ``action`` says; nothing is left behind.

    Judged are the class folders of ``train``, and for quarantine the folder beside it.
    """
    remedy = "take outliers.action=exclude"
    device = _probe(train) if action == "quarantine" else None
    with os.scandir(train) as entries:
        folders = [one for one in entries if one.is_dir(follow_symlinks=False) and one.name[0] != "."]
    for folder in folders:
        shown = f"outliers.action={action}: {printable(folder.path)}"
        if not os.access(folder.path, os.W_OK | os.X_OK):
            raise UserError(f"{shown} can't be written; make it writable, or {remedy}")
        if device not in (None, folder.stat(follow_symlinks=False).st_dev):
            raise UserError(f"{shown} is on another file system than the folder beside it; {remedy}")


def _probe(train: Path) -> int:
    """Return the device of the folder that quarantines come to be in."""
    base = beside(train)
    shown = f"outliers.action=quarantine: {printable(str(base))}"
    try:
        if base.is_symlink() or (base.exists() and not base.is_dir()):
            raise UserError(f"{shown} is a link or no folder; rename it, or take outliers.action=exclude")
        with tempfile.TemporaryDirectory(prefix=".", dir=base if base.exists() else base.parent) as probe:
            return Path(probe).stat().st_dev
    except OSError as error:
        raise UserError(f"{shown} can't be written: {error.strerror}; take outliers.action=exclude") from None


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes in hex, "" for one that can't be read."""
    try:
        with open_folder(path.parent) as folder:
            return read_content(folder, path.name).sha256
    except (OSError, RefusedError):
        return ""


def _check_in_place(train: int, name: str, wanted: dict[str, Planned]) -> dict[str, str]:
    """A deleted file counts as restored when its bytes are there, from a copy of the user's."""
    gone = dict.fromkeys(wanted, "it was deleted and can't be restored")
    with contextlib.suppress(RefusedError), open_class(train, name) as folder:
        for file, planned in wanted.items():
            with contextlib.suppress(RefusedError):
                if read_content(folder, file).sha256 == planned.content.sha256:
                    del gone[file]
    return gone


def _remove_if_empty(parent: int, name: str) -> None:
    with contextlib.suppress(OSError):
        os.rmdir(name, dir_fd=parent)
