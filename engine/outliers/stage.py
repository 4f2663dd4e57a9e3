"""The outlier stage of a run: score each class, act on its outliers, and record both in the journal."""

from collections.abc import Callable
from pathlib import Path

from engine.core.text import encodable, printable
from engine.core.throttle import Throttle
from engine.data.images import DataSet, ImageSet
from engine.data.loading.pool import Pool
from engine.journal.events import (
    AutoencoderEpoch,
    BadImage,
    Event,
    OutlierExcluded,
    OutlierProgress,
    OutliersDone,
    RunWarning,
    ThresholdSet,
)
from engine.outliers.detect.detect import Detection
from engine.outliers.detect.reading import Reader
from engine.outliers.detect.verdict import ClassVerdict
from engine.outliers.files.acting import Flagged, OutlierActions, in_train
from engine.outliers.sheet import draw_sheet
from engine.recipe.recipe import Recipe
from engine.run.directory import RunDir


class Stage:
    """Finds a run's outliers and acts on them, resuming where an earlier attempt ended (``acting`` has its state).

    A verdict is in the journal before any file is touched, and every attempt reaches the same verdicts. A run killed
    at any moment therefore resumes with the classes that have no verdict and the files not yet acted on.
    """

    def __init__(
        self, run: RunDir, recipe: Recipe, data: DataSet, pool: Pool, acting: OutlierActions,
        emit: Callable[[Event], object], known_bad: set[str], poll: Callable[[], object],
    ) -> None:  # fmt: skip
        self._run = run
        self._recipe = recipe
        self._data = data
        self._emit = emit
        self._known_bad = known_bad
        self._deletes = recipe.outliers.action == "delete"
        self._acting = acting
        self._files = [encodable(name) for name in data.train.names]
        self._read = 0
        self._due = Throttle()
        reader = Reader(recipe, pool, self._bad, poll, self._tick)
        self._detection = Detection(recipe, data, reader, self._on_epoch)

    def run(self) -> None:
        """Find the outliers and act on them.

        Raises UserError if the model is unavailable or a disk fails; exceptions of ``poll`` propagate.
        """
        judged, names = self._acting.judged, self._data.classes
        done = {label for label, name in enumerate(names) if name in judged}
        waiting = list(judged.values())
        for group in self._detection.verdicts(done):
            # Not earlier: the verdicts of a group need all its files in place.
            waiting += [self._record(verdict) for verdict in group]
            if not self._deletes:
                self._acting.act(self._flagged(waiting))
                waiting = []
        flagged = self._flagged(waiting)
        if self._deletes:  # drawn while the files still exist
            self._draw_sheet([one.event for one in flagged])
        self._acting.act(flagged)
        excluded = list(self._acting.exclusions.now().values())
        if not self._deletes:
            self._draw_sheet(excluded)
        self._acting.write_ledger()
        images = sum(event.images for event in judged.values())
        self._emit(OutliersDone(excluded=len(excluded), images=images))

    def _record(self, verdict: ClassVerdict) -> ThresholdSet:
        names, files = self._data.classes, self._files
        event = ThresholdSet(
            class_name=names[verdict.label],
            threshold=verdict.threshold,
            largest_val_error=verdict.largest_val_error,
            relaxed=verdict.relaxed,
            images=len(verdict.images),
            first_threshold=verdict.first_threshold,
            files=[files[index] for index in verdict.images],
            errors=verdict.errors,
            flagged=verdict.flagged,
            looks_like=[names[like] if like >= 0 else "" for like in verdict.flagged_like],
            note=verdict.note,
        )
        self._acting.judged[event.class_name] = event
        self._emit(event)
        return event

    def _flagged(self, judged: list[ThresholdSet]) -> list[Flagged]:
        root = Path(self._recipe.data.train)
        paths = {encodable(str(path)): path for path in self._data.train.paths}
        found = []
        for event in judged:
            for place, like in zip(event.flagged, event.looks_like, strict=True):
                file = in_train(event.files[place], event.class_name)
                named = encodable(str(root / file))
                outlier = OutlierExcluded(
                    class_name=event.class_name, path=named, error=event.errors[place],
                    threshold=event.threshold, action="", looks_like=like, file=file,
                )  # fmt: skip
                found += [Flagged(paths[named], outlier)] if named in paths else []
        return found

    def _draw_sheet(self, excluded: list[OutlierExcluded]) -> None:
        picture = self._run.outliers_picture
        # Don't redraw after an interrupted deletion: some of the files are gone.
        if not excluded or (self._deletes and picture.exists()):
            return
        try:
            self._acting.room.keep_trying(lambda: draw_sheet(picture, excluded), picture)
        except OSError as error:
            self._emit(RunWarning(message=f"{picture.name} can't be written: {error.strerror}"))

    def _bad(self, images: ImageSet, index: int, reason: str) -> None:
        named = encodable(str(images.paths[index]))
        if named not in self._known_bad:
            self._known_bad.add(named)
            self._emit(BadImage(path=named, reason=printable(reason), split=images.split))

    def _tick(self, count: int) -> None:
        self._read += count
        total = len(self._data.train) + len(self._data.val)
        if self._due() or self._read == total:
            self._emit(OutlierProgress(done=self._read, total=total))

    def _on_epoch(self, label: int, epoch: int, loss: float) -> None:
        self._emit(
            AutoencoderEpoch(
                class_name=self._data.classes[label],
                class_index=label + 1,
                classes=len(self._data.classes),
                epoch=epoch,
                epochs=self._recipe.outliers.epochs,
                loss=loss,
            )
        )
