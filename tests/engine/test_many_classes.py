"""Ten thousand classes: nothing that a run does takes time or memory for their square."""

import io
import json
import resource
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from engine.analysis.confusion import judged_cells, read_matrix, write_matrix
from engine.analysis.predictions import read_judged
from engine.compute.device import Precision
from engine.core.tensor_file import read_metadata
from engine.data.batches import BatchStream
from engine.data.images import DataSet, ImageSet
from engine.figures import confusion as figures
from engine.journal.events import MOST_CELLS, ConfusionMatrix, Event, RunWarning
from engine.journal.log import JournalReader, JournalWriter
from engine.model.build import build_model
from engine.outliers.detect.detect import by_class
from engine.recipe.recipe import Recipe, load_recipe
from engine.recipe.schedule import ScheduleState
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace
from engine.run.train_log import TrainLog
from engine.run.train_state import MODEL, TRAIN_STATE, Cells, TrainState, decode, peek
from engine.training import checkpoint
from engine.training.checkpoint import ModelFacts, Snapshot, model_tensors, optimizer_tensors
from engine.training.epoch_end import EpochEnd
from engine.training.evaluate import Evaluation, Validation, evaluate
from engine.training.optimizer import build_optimizer
from tests.engine.conducting import Watcher, play
from tests.engine.hooked import Engines
from tests.engine.scores import make_scores
from tests.made_data import make_run

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]

CLASSES = 10_000
PRECISION = Precision.choose(torch.device("cpu"), "off")


class Gives(nn.Module):
    """A model whose images are its outputs."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


def random_batches(classes: int, images: int, size: int) -> Batches:
    chance = torch.Generator().manual_seed(3)
    for start in range(0, images, size):
        count = min(size, images - start)
        yield (
            torch.rand((count, classes), generator=chance),
            torch.randint(classes, (count,), generator=chance),
        )


def random_evaluation(classes: int, images: int) -> Evaluation:
    chance = torch.Generator().manual_seed(5)
    labels, predicted = torch.randint(classes, (2, images), generator=chance)
    return Evaluation(1.0, int((labels == predicted).sum()), images, labels, predicted, torch.rand(images))


def dense(batches: Batches, classes: int) -> torch.Tensor:
    matrix = torch.zeros((classes, classes), dtype=torch.long)
    for outputs, labels in batches:
        for label, predicted in zip(labels.tolist(), outputs.argmax(1).tolist(), strict=True):
            matrix[label, predicted] += 1
    return matrix


@pytest.mark.parametrize("classes", [1, 2, 7])
def test_the_cells_are_those_of_the_whole_matrix(classes: int) -> None:
    found = evaluate(Gives(), random_batches(classes, 100, 32), 120, 0.1, PRECISION)
    matrix = dense(random_batches(classes, 100, 32), classes)
    assert found.cells() == [
        (true, predicted, int(matrix[true, predicted])) for true, predicted in matrix.nonzero().tolist()
    ]
    assert (found.seen, found.correct) == (100, int(matrix.diagonal().sum()))
    assert len(found.labels) == len(found.predicted) == len(found.confidence) == 100


def test_no_image_at_all() -> None:
    found = evaluate(Gives(), [], 12, 0.1, PRECISION)
    assert (found.seen, found.correct, found.cells()) == (0, 0, [])


def most_memory() -> float:
    """Return the most that this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Ending:
    """The end of an epoch of a run of ``classes`` classes that validated ``found``."""

    def __init__(self, run: RunDir, classes: int, found: Evaluation) -> None:
        self.run = run
        self.found = found
        self.recipe = load_recipe(run.recipe)
        self.names = [f"class{number:05}" for number in range(classes)]
        labels = found.labels.tolist()
        val = ImageSet("val", [Path(f"{number}.png") for number in range(len(labels))], labels)
        data = DataSet(self.names, val, val, ImageSet("test", [], []), "folders")
        validation = Validation(run, cast(BatchStream, SimpleNamespace(data=data)), PRECISION)
        validation._seen = list(range(len(labels)))
        self.journal = JournalWriter(run.journal)
        self.room = DiskSpace(run.path, self.journal.append_all)
        self.closing = EpochEnd(run, self.names, validation, self.journal.append, self.room)
        self.progress = TrainState(policy=ScheduleState(lr=1e-3), step=1, seen=8, correct=4)

    def close(self) -> list[Event]:
        """Close the epoch and return what the journal says then."""
        log = TrainLog(self.run.train_log, 0, self.room)
        self.closing.close(self.progress, self.recipe, log, self.found, 1.0, 1.0)
        log.close()
        self.journal.close()
        reader = JournalReader(self.run.journal)
        events = reader.read()
        assert not reader.damaged
        return list(events)


def snapshot_of(progress: TrainState, model: nn.Module, recipe: Recipe, names: list[str]) -> Snapshot:
    facts = ModelFacts("test_efficientnet", names, (0.5,) * 3, (0.5,) * 3, 32, "square", 0.0)
    optimizer = build_optimizer(model, recipe.optim)
    return Snapshot(
        ("last",), "test", facts, progress, model_tensors(model), optimizer_tensors(optimizer),
        torch.amp.GradScaler("cpu", enabled=False).state_dict(),
    )  # fmt: skip


def loaded_cells(folder: Path, model: nn.Module, recipe: Recipe, names: list[str]) -> Cells:
    optimizer = build_optimizer(model, recipe.optim)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    return checkpoint.load_last(folder / "last", model, model, optimizer, scaler, names).progress.best_cells


def test_from_the_validation_to_the_picture(pictures: Path, runs: Path) -> None:
    before, images = most_memory(), 3000
    found = evaluate(Gives(), random_batches(CLASSES, images, 250), images, 0.1, PRECISION)
    cells = found.cells()
    assert most_memory() - before < 250, "the matrix has 800 MB"
    assert sum(cell[2] for cell in cells) == images

    end = Ending(make_run(runs, pictures), CLASSES, found)
    events = end.close()
    (told,) = [event for event in events if isinstance(event, ConfusionMatrix)]
    assert (told.classes, told.cells, told.path) == (CLASSES, cells, "confusion_matrix1.png")
    assert judged_cells(read_judged(end.run.validation), end.names) == cells

    picture = end.run.confusion_picture(1)
    assert not picture.exists(), "the training waits for no picture"
    assert end.closing.picture is not None
    end.closing.picture()
    with Image.open(picture) as drawn:
        drawn.verify()
        assert max(drawn.size) <= 2400

    folder = end.run.checkpoints
    folder.mkdir(exist_ok=True)
    model = build_model(end.recipe.model, CLASSES, 0).module
    checkpoint.save(folder, "last", snapshot_of(end.progress, model, end.recipe, end.names))
    (header,) = struct.unpack("<Q", (folder / "last" / TRAIN_STATE).read_bytes()[:8])
    assert header < 4096, "peek reads it before torch is there"
    peeked = peek(folder)
    assert peeked is not None
    assert peeked == msgspec.structs.replace(end.progress, best_cells=[])
    assert loaded_cells(folder, model, end.recipe, end.names) == cells


def test_cells_in_the_header_of_an_earlier_version_are_read(
    pictures: Path, runs: Path, tmp_path: Path
) -> None:
    recipe, names, cells = (
        load_recipe(make_run(runs, pictures).recipe),
        ["a", "b", "c"],
        [(0, 0, 4), (2, 1, 3)],
    )
    model = build_model(recipe.model, 3, 0).module
    progress = TrainState(policy=ScheduleState(lr=1e-3), best_cells=cells)
    checkpoint.save(tmp_path, "last", snapshot_of(progress, model, recipe, names))
    path = tmp_path / "last" / TRAIN_STATE
    tensors, metadata = load_file(path), read_metadata(path)
    assert "best_cells" in tensors
    assert decode(metadata["progress"]).best_cells == []
    del tensors["best_cells"]
    metadata["progress"] = json.dumps(json.loads(metadata["progress"]) | {"best_cells": cells})
    save_file(tensors, path, metadata)
    assert loaded_cells(tmp_path, model, recipe, names) == cells


def test_more_cells_than_a_header_holds(tmp_path: Path) -> None:
    cells = [(place // CLASSES, place % CLASSES, 1) for place in range(1_600_000)]
    progress = TrainState(policy=ScheduleState(lr=1e-3), best_cells=cells)
    snapshot = snapshot_of(progress, nn.Linear(1, 1), Recipe(), ["a"])
    checkpoint.save(tmp_path, "last", snapshot)
    assert peek(tmp_path) is not None
    assert load_file(tmp_path / "last" / TRAIN_STATE)["best_cells"].shape == (len(cells), 3)
    assert (tmp_path / "last" / MODEL).exists()


def test_more_cells_than_a_line_of_the_journal_holds(pictures: Path, runs: Path) -> None:
    images = MOST_CELLS + 100_000
    # One image in each cell, but for two of the last class that are taken for the first.
    places = torch.cat((torch.arange(images), torch.tensor([9_999_000, 9_999_000])))
    found = Evaluation(1e6, 0, images + 2, places // 1000, places % 1000, torch.rand(images + 2))
    end = Ending(make_run(runs, pictures, "schedule.monitor=val_acc"), CLASSES, found)
    end.progress.policy = ScheduleState(lr=1e-3, best=100.0, best_epoch=1)
    end.progress.epoch = 2
    events = end.close()
    (told,) = [event for event in events if isinstance(event, ConfusionMatrix)]
    assert len(told.cells) == MOST_CELLS
    assert told.cells[-1] == (9999, 0, 2)
    (warning,) = [event.message for event in events if isinstance(event, RunWarning)]
    assert warning.startswith("from epoch 2 on, the journal has the 500,000 cells")
    assert "of 600,001" in warning


def random_cells(
    classes: int, seed: int
) -> tuple[Cells, "np.ndarray[tuple[int, int], np.dtype[np.float64]]"]:
    """Return a few cells, and the whole matrix that they are of."""
    chance = np.random.default_rng(seed)
    matrix = np.zeros((classes, classes))
    for row, column in chance.integers(classes, size=(4 * classes, 2)).tolist():
        matrix[row, column] += 1
    matrix[0] = 0
    rows, columns = np.nonzero(matrix)
    found = zip(rows.tolist(), columns.tolist(), matrix[rows, columns].astype(int).tolist(), strict=True)
    return list(found), matrix


@pytest.mark.parametrize("group", [1, 2, 3, 7])
def test_the_shades_are_those_of_the_whole_matrix(group: int) -> None:
    cells, matrix = random_cells(7, seed=group)
    side = -(-7 // group)
    blocks = [
        [matrix[row : row + group, column : column + group].sum() for column in range(0, 7, group)]
        for row in range(0, 7, group)
    ]
    shares = [[block / max(1.0, sum(row)) for block in row] for row in blocks]
    assert figures._shares(cells, 7, group).tolist() == shares
    assert len(shares) == side


def test_what_is_drawn() -> None:
    names = [f"class{number}" for number in range(2500)]
    png = figures.confusion_png([(true, 0, 3) for true in range(2500)], names, "$x$\ny")
    with Image.open(io.BytesIO(png)) as picture:
        pixels = np.asarray(picture.convert("RGB"), np.int64)
    height, width, _ = pixels.shape
    rows = pixels[height // 4 : height // 2]
    (column,) = np.nonzero((rows[:, :, 2] - rows[:, :, 0] > 60).all(0))
    assert len(column), "where all are taken for the first classes"
    assert column.max() < width // 10
    assert figures.confusion_png([], ["a", "b"], "none").startswith(b"\x89PNG")


def test_many_classes_as_a_list(tmp_path: Path) -> None:
    path, names = tmp_path / "m.csv", [f"c{number}" for number in range(CLASSES)]
    names[5] = "=1+1"
    cells = [(5, 9999, 4), (7, 7, 2), (9998, 5, 1)]
    write_matrix(path, cells, names)
    assert path.stat().st_size < 1 << 20
    assert path.read_text().splitlines()[:2] == ["true,predicted,images", "c0,c0,0"]
    assert "'=1+1,c9999,4" in path.read_text()
    assert read_matrix(path) == (cells, names)


def test_places_by_class() -> None:
    labels = [3, 0, 3, 1, 0, 3]
    assert [own.tolist() for own in by_class(labels, 5)] == [[1, 4], [3], [], [0, 2, 5], []]
    assert [own.tolist() for own in by_class([], 2)] == [[], []]


def test_the_training_goes_on_while_a_picture_is_drawn(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, drawn_by, stepped = figures.confusion_png, [], threading.Event()

    def slow(cells: Cells, classes: list[str], title: str) -> bytes:
        drawn_by.append((title.partition(":")[0], threading.current_thread() is threading.main_thread()))
        if title.startswith("epoch 1:"):
            assert stepped.wait(60), "no step of the next epoch while the picture is drawn"
        return draw(cells, classes, title)

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.step is not None and state.step.epoch == 2)
        assert not run.confusion_picture(1).exists()
        stepped.set()

    monkeypatch.setattr(figures, "confusion_png", slow)
    make_scores(val_acc=[40.0, 60.0, 50.0], monkeypatch=monkeypatch)
    run = make_run(runs, pictures)
    played = play(run, script)
    assert played.code == 0
    assert drawn_by == [("epoch 1", False), ("epoch 2", False), ("best epoch 2", True)]
    assert {path.name for path in run.path.glob("*.png")} == {
        "confusion_matrix.png", "confusion_matrix1.png", "confusion_matrix2.png",
    }  # fmt: skip


def test_a_picture_that_cannot_be_drawn_ends_no_training(pictures: Path, runs: Path, tmp_path: Path) -> None:
    run = make_run(runs, pictures, "train.epochs=1")
    with Engines(tmp_path / "cache") as engines:
        assert engines.run(run, "import sys; sys.modules['engine.figures.confusion'] = None") == 0
    watcher = Watcher(run)
    watcher.look()
    told = [event.message for event in watcher.events if isinstance(event, RunWarning)]
    for name in ("confusion_matrix1.png", "confusion_matrix.png"):
        (message,) = [one for one in told if f"/{name} can't be drawn: ModuleNotFoundError" in one]
        assert message.endswith("; the run continues without it")
    lines = run.train_log.read_text().splitlines()
    assert lines[2] == "Confusion Matrix saved at: confusion_matrix1.png"
    assert lines[-1].startswith("Best model weights saved!")
    assert run.prediction.exists()
    assert checkpoint.find(run.checkpoints, "best") is not None
