"""Every reader of bytes that somebody else may have written, each with a valid file to begin from."""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.analysis.ablation import PLAN_FILE, load_plan, make_plan, save_plan
from engine.analysis.predictions import (
    Judged,
    read_judged,
    read_prediction,
    read_shares,
    write_judged,
    write_probabilities,
)
from engine.control import commands
from engine.control.commands import Spool
from engine.core.errors import UserError
from engine.core.tensor_file import read_metadata
from engine.journal.events import (
    BadImage,
    CheckpointSaved,
    CommandAccepted,
    ConfusionMatrix,
    DatasetScanned,
    EpochEnded,
    EpochStarted,
    Event,
    LrDecayed,
    OutlierExcluded,
    OutlierRestored,
    RunEnded,
    RunStarted,
    RunWarning,
    SettingChanged,
    StageStarted,
    Step,
    SystemSample,
    encode_line,
)
from engine.journal.exclusions import Exclusions
from engine.journal.index import History, index_path, past_state
from engine.journal.log import JournalReader
from engine.outliers.files.manifest import Content, Manifest, Owner, Planned, Returned
from engine.recipe.recipe import Recipe, load_recipe
from engine.recipe.schedule import ScheduleState
from engine.recipe.timm_catalogue import ModelFact, Table, read_table
from engine.run.directory import RunDir
from engine.run.labels import Labels, labels_file, read_labels, write_labels
from engine.run.notify import load_settings, read_toml
from engine.run.overview import overview_of, read_ends, read_events
from engine.run.recorded_images import read_record
from engine.run.train_state import TrainState, decode
from tui.settings import Layout


@dataclass(frozen=True, slots=True)
class Reader:
    name: str
    seeds: Sequence[bytes]
    read: Callable[[Path, bytes], object]
    """Writes the bytes into the folder, and reads them as the program does. Of errors it may raise UserError only."""


def events() -> list[Event]:
    """Return a run's events, most kinds of them."""
    started = RunStarted(
        attempt=1, host="node7", pid=4711, version="0.1.0", name="r", model="resnet18", data="/data", epochs=30,
        batch_size=16, train_size=128, val_size=160, lr=1e-4, schedule="counter", factor=0.6, every=2, patience=6,
        monitor="val_acc", mixup_alpha=0.5, outliers="embedding", seed=1,
    )  # fmt: skip
    ended = EpochEnded(
        epoch=1, lr=1e-4, train_acc=50.0, train_loss=1.2, val_acc=60.0, val_loss=1.1, new_best=True, best=60.0,
        best_epoch=1, counter=0, patience=6, epochs_to_stop=6, next_lr=1e-4, images_per_s=99.0, seconds=5.0,
    )  # fmt: skip
    out = OutlierExcluded(
        class_name="cat", path="/data/train/cat/1.jpg", error=0.5, threshold=0.2, action="exclude", sha256="ab",
        from_epoch=1,
    )  # fmt: skip
    return [
        started,
        StageStarted(stage="reading data", detail="/data"),
        DatasetScanned(classes=["cat", "dog"], train_images=20, val_images=8, test_images=4, split="folders"),
        BadImage(path="/data/train/cat/2.jpg", reason="cut off", split="train"),
        out,
        OutlierRestored(class_name="cat", path=out.path, from_epoch=2),
        EpochStarted(epoch=1, epochs=30, lr=1e-4, steps=10),
        Step(epoch=1, step=5, steps=10, loss=1.5, train_acc=40.0, images_per_s=99.0, eta=300.0),
        ended,
        ConfusionMatrix(
            epoch=1, classes=2, cells=[(0, 0, 3), (0, 1, 1), (1, 1, 4)], path="confusion_matrix1.png"
        ),
        CheckpointSaved(which="best", epoch=1, step=10, reason="new best", size=1000, seconds=0.1),
        LrDecayed(epoch=2, old=1e-4, new=6e-5, reason="2 epochs without a better score"),
        CommandAccepted(id="abc", name="set", by="me@node7", detail="optim.lr = 1e-4", pid=1, sent=1.8e9),
        EpochStarted(epoch=2, epochs=30, lr=6e-5, steps=10),
        *(
            SettingChanged(key=key, old="1", new=new, epoch=2, step=0, by="me@node7")
            for key, new in (("optim.lr", "1e-5"), ("schedule.patience", "9"), ("train.epochs", "20"))
        ),
        RunWarning(message="the disk has 3.1 GB left"),
        SystemSample(cpu_percent=90.0, rss=10**9, ram_used=10**9, ram_total=4 * 10**9, disk_free=10**10),
        RunEnded(outcome="finished", reason="", epoch=2, best=60.0, best_epoch=1, exit_code=0),
    ]


def journal_bytes() -> bytes:
    stamped = (
        msgspec.structs.replace(event, seq=number, t=1.8e9 + number)
        for number, event in enumerate(events(), 1)
    )
    return b"".join(map(encode_line, stamped))


def read_journal(folder: Path, content: bytes) -> None:
    run = RunDir(folder)
    run.recipe.write_text("")
    run.journal.write_bytes(content)
    index_path(run.journal).unlink(missing_ok=True)
    state = past_state(JournalReader(run.journal))
    glanced, _ = read_ends(run)
    overview_of(run, glanced, state.status(alive=False))
    list(read_events(run, lambda: False))
    Exclusions(state.outliers.changes).at(3)
    _ = state.lr, state.validating, state.finding_outliers, state.status(alive=True)


def read_row_of(folder: Path, content: bytes) -> None:
    """A run that was never begun is listed by its recipe."""
    run = RunDir(folder)
    run.recipe.write_bytes(content)
    run.journal.write_bytes(b"")
    state, _ = read_ends(run)
    overview_of(run, state, "starting")


def read_index(folder: Path, content: bytes) -> None:
    run = RunDir(folder)
    run.journal.write_bytes(journal_bytes())
    index_path(run.journal).write_bytes(content)
    past_state(JournalReader(run.journal))


def index_bytes(folder: Path) -> bytes:
    run = RunDir(folder)
    run.journal.write_bytes(journal_bytes())
    past = History(JournalReader(run.journal))
    list(past.read())
    past.save()
    path = index_path(run.journal)
    return path.read_bytes() if path.exists() else b'{"format":1,"size":1,"seq":1,"tail":"","lines":""}\n'


def read_command(folder: Path, content: bytes) -> None:
    spool = folder / "spool"
    spool.mkdir(exist_ok=True)
    (spool / "1.json").write_bytes(content)
    assert len(Spool(spool).pending()) == 1


def read_lock(folder: Path, content: bytes) -> None:
    run = RunDir(folder)
    lock = run.lock()
    try:
        (folder / "lock").write_bytes(content)
        run.is_alive()
        run.lock()
    finally:
        lock.release()


def read_predicted(folder: Path, content: bytes) -> None:
    path = folder / "prediction.csv"
    path.write_bytes(content)
    found = read_prediction(path)
    for place in found.places[:3]:
        read_shares(path, place)


def read_header(folder: Path, content: bytes) -> None:
    try:
        read_metadata(_put(folder, content))
    except ValueError as error:
        raise UserError(str(error)) from None


def read_progress(folder: Path, content: bytes) -> None:
    try:
        decode(content.decode("utf-8", "replace"))
    except ValueError as error:
        raise UserError(str(error)) from None


def _put(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


def _of(read: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    return lambda folder, content: read(_put(folder, content))


def _labels(folder: Path, content: bytes) -> None:
    labels_file(RunDir(folder)).write_bytes(content)
    read_labels(RunDir(folder))


def _plan(folder: Path, content: bytes) -> None:
    (folder / PLAN_FILE).write_bytes(content)
    load_plan(folder)


def _manifest(path: Path) -> None:
    Manifest(path).read()
    Manifest(path).owner()


def _recipe(path: Path) -> Recipe:
    return load_recipe(path)


def readers(folder: Path) -> list[Reader]:
    """Return all of them; valid files are made in ``folder``."""
    run = RunDir(folder)
    write_labels(run, Labels(("a", "b/c"), "a note"))
    plan = make_plan(Recipe(), ["mixup"], 2)
    save_plan(folder / "plan", plan)
    manifest = Manifest(folder / "manifest.jsonl")
    manifest.append(
        [
            Owner(id="0" * 32, path="/runs/r", train="/data/train"),
            Planned("quarantine", "cat", "1.jpg", Content("ab" * 32, 1000, 1, 2), 0.5, 0.2, 1.8e9),
            Returned("cat", "1.jpg", "restored", 1.8e9),
        ]
    )
    asked = (
        commands.Pause(id="1", by="me@node7", pid=1, t=1.8e9), commands.Stop(after_epoch=True),
        commands.Set(key="optim.lr", value="1e-4"), commands.Exclude(paths=["cat/1.jpg"]),
        commands.Restore(class_name="cat"),
    )  # fmt: skip
    header = json.dumps(
        {"__metadata__": {"progress": "{}"}, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    ).encode()
    # As version 0.1.0 wrote it, with cells.
    progress = TrainState(policy=ScheduleState(lr=1e-4), best_cells=[(0, 1, 2)], command="abc")
    settings = b'[notify]\nbell = true\ndesktop = "osc9"\ncommand = ["true", "x"]\n'
    layout = b'theme = "dark"\nlog = true\n[runs]\nfield = "started"\ndescending = true\n[curves]\nsmoothing = 0.5\n'
    fact = ModelFact("resnet18.a1_in1k", 224, 1000, "mit", "timm/resnet18.a1_in1k", published=True)
    table = msgspec.json.encode(Table("1.0", [fact], {"resnet18": 11_700_000}, ["x"]))
    return [
        Reader("journal", [journal_bytes()], read_journal),
        Reader("index", [index_bytes(folder)], read_index),
        Reader("command", [msgspec.json.encode(one) for one in asked], read_command),
        Reader("recipe", [Recipe().to_toml().encode()], _of(_recipe)),
        Reader("recipe of a row", [Recipe().to_toml().encode()], read_row_of),
        Reader("labels", [labels_file(run).read_bytes()], _labels),
        Reader("plan", [next((folder / "plan").glob("*.toml")).read_bytes()], _plan),
        Reader("split", [b"split,class,image\ntrain,cat,1.jpg\nval,dog,2.jpg\n"], _of(read_record)),
        Reader("manifest", [manifest.path.read_bytes()], _of(_manifest)),
        Reader("validation", [_judged_bytes(folder)], _of(read_judged)),
        Reader("prediction", _predictions(folder), read_predicted),
        Reader("progress", [msgspec.json.encode(progress)], read_progress),
        Reader("header", [struct.pack("<Q", len(header)) + header + bytes(4)], read_header),
        Reader("lock", [b'{"host": "node7", "pid": 4711}'], read_lock),
        Reader("settings", [settings], _of(load_settings)),
        Reader("layout", [layout], _of(lambda path: read_toml(path, Layout))),
        Reader("table of models", [table], _of(read_table)),
    ]


def _judged_bytes(folder: Path) -> bytes:
    path = folder / "validation.csv"
    write_judged(path, [Judged("cat/1.jpg", "cat", "dog", 0.75)])
    return path.read_bytes()


def _predictions(folder: Path) -> list[bytes]:
    path = folder / "probabilities.csv"
    write_probabilities(
        path, [("1", "dog", [0.25, 0.75]), ("2", "cat", [1.0, 0.0]), ("3", "", [])], ["cat", "dog"]
    )
    return [b"image_name,pred_label\n1.jpg,cat\n2.jpg,dog\n", path.read_bytes()]
