"""What goes wrong while weights are loaded and isn't their damage: no memory, no rights, a defect of ours.

Nobody is told to remove a sound checkpoint, and none is removed.
"""

import errno
import os
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import timm
import torch
from safetensors.torch import save_file

from engine.control.commands import Stop
from engine.core.errors import UserError, is_out_of_memory
from engine.journal.events import CommandRejected, EpochEnded, RolledBack, RunEnded, RunWarning
from engine.journal.log import JournalReader
from engine.model import weights_file
from engine.model.build import build_model, restore_model
from engine.model.weights_file import read_weights
from engine.recipe.sections import Model
from engine.run.directory import RunDir
from engine.run.train_state import MODEL, TRAIN_STATE
from engine.tools import predict
from engine.training import checkpoint
from tests.engine.conducting import Watcher, play
from tests.engine.hooked import Engines
from tests.engine.test_hostile_weights import hollow
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_run

SETTINGS = ("train.epochs=4", "data.workers=0", "data.batch_size=4", "model.dropout=0.3")
REMEDY = "it is out of memory: lower data.batch_size"

STARVE = """
import resource
from pathlib import Path

def starved(call):
    "Have a call find no more memory than there is in use, as a batch system's limit does it."
    def made(*args, **named):
        own = resource.getrlimit(resource.RLIMIT_AS)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used, own[1]))
        try:
            return call(*args, **named)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, own)
    return made
"""
FAULTS = """
import os

def fails(call, make_error):
    "Have a call raise when it is made with something in checkpoints/last."
    def made(*args, **named):
        if any("checkpoints/last/" in os.fspath(one) for one in args if isinstance(one, (str, os.PathLike))):
            raise make_error()
        return call(*args, **named)
    return made
"""
OPEN = (
    FAULTS
    + """
os.open = fails(os.open, lambda: OSError({code}, os.strerror({code}), "checkpoints/last/{name}"))
"""
)
NO_MEMORY = {
    "mapping the file": STARVE
    + "from engine.model import weights_file as w; w.load_file = starved(w.load_file)",
    "opening the file": OPEN.format(code=errno.ENOMEM, name=MODEL),
    "its header": """
from engine.core import tensor_file
def parsed(_): bytearray(1 << 60)
tensor_file._parsed = parsed
""",
    "the optimiser's moments": """
import torch
def empty_like(*_, **__): return torch.empty(1 << 46)
torch.empty_like = empty_like
""",
    "to the device": """
import torch
def load(*_): raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
torch.nn.Module.load_state_dict = load
""",
    "the model": """
import timm, torch
def create(*_, **__): torch.empty(1 << 46)
timm.create_model = create
""",
}


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture(scope="module")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("whole"), pictures, *SETTINGS)
    assert play(run).code == 0
    return run


@pytest.fixture(scope="module")
def half(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """The same run, stopped after its second epoch."""
    run = make_run(tmp_path_factory.mktemp("half"), pictures, *SETTINGS)

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch is not None and state.epoch.epoch == 2)
        watcher.ask(Stop(after_epoch=True))

    assert play(run, script).code == 0
    return run


@pytest.fixture
def again(half: RunDir, tmp_path: Path) -> RunDir:
    return RunDir(shutil.copytree(half.path, tmp_path / "runs/again"))


def told(run: RunDir, kind: type[Any]) -> list[Any]:
    return [event for event in JournalReader(run.journal).read() if isinstance(event, kind)]


def saved(run: RunDir) -> dict[str, bytes]:
    files = (path for path in run.checkpoints.rglob("*") if path.is_file())
    return {str(path.relative_to(run.path)): path.read_bytes() for path in files}


def failed(engines: Engines, run: RunDir, hook: str) -> str:
    """Return why an engine with ``hook`` couldn't resume a run, all of whose checkpoints are as they were."""
    before = saved(run)
    assert engines.run(run, hook) == 1, run.engine_log.read_text()
    assert saved(run) == before
    reason: str = told(run, RunEnded)[-1].reason
    assert "remove" not in reason
    assert "from a copy" not in reason
    assert "\n" not in reason
    return reason


@pytest.mark.parametrize("where", NO_MEMORY)
def test_no_memory_is_no_damage(engines: Engines, again: RunDir, whole: RunDir, where: str) -> None:
    reason = failed(engines, again, NO_MEMORY[where])
    assert REMEDY in reason, reason
    assert "Traceback" in again.engine_log.read_text()
    assert engines.run(again) == 0, again.engine_log.read_text()
    assert_same_end(again, whole)


BUGS = {
    "TypeError": "def restore(*_): return 1 + 'x'",
    "RuntimeError": "def restore(*_): raise RuntimeError('a defect of ours')",
    "ValueError": "def restore(*_): return [].index(1)",
    "IndexError": "def restore(*_): return [][1]",
}


@pytest.mark.parametrize("kind", BUGS)
def test_a_defect_of_ours_is_told_as_one(engines: Engines, again: RunDir, kind: str) -> None:
    hook = f"from engine.training import checkpoint\n{BUGS[kind]}\ncheckpoint.restore_optimizer = restore"
    reason = failed(engines, again, hook)
    assert reason.startswith(f"{kind}: ")
    assert reason.endswith(" (the traceback is in engine.log)")
    log = again.engine_log.read_text()
    assert "Traceback" in log
    assert "in restore" in log


@pytest.mark.parametrize("code", [errno.EACCES, errno.EMFILE, errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("name", [MODEL, TRAIN_STATE])
def test_what_cannot_be_read_now_gives_way_to_no_older_one(
    engines: Engines, again: RunDir, whole: RunDir, code: int, name: str
) -> None:
    """The older one, left by a save that was cut short, took over, and the newer one was deleted for good."""
    shutil.copytree(again.checkpoints / "last", again.checkpoints / ".last.old")
    reason = failed(engines, again, OPEN.format(code=code, name=name))
    assert "checkpoints/last/model.safetensors can't be read now: " in reason
    assert os.strerror(code) in reason
    assert "may be sound" in reason
    assert engines.run(again) == 0, again.engine_log.read_text()
    assert_same_end(again, whole)


ROLLBACKS = {
    "mapping the file": STARVE + "from engine.model import weights_file as read\n"
    "def spoil(): read.load_file = starved(read.load_file)\n",
    "copying the weights": """
import torch
from engine.training import trainer
def no_room(_): torch.empty(1 << 46)
def spoil(): trainer.host_copy = no_room
""",
    "half-way": """
import torch
load = torch.nn.Module.load_state_dict
def half_way(self, tensors, *rest, **named):
    first = dict(list(tensors.items())[:20])
    load(self, first, strict=False)
    torch.nn.Module.load_state_dict = load
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
def spoil(): torch.nn.Module.load_state_dict = half_way
""",
}
IN_EPOCH_3 = """
from engine.control.commands import Rollback, send
from engine.run.directory import RunDir
from engine.training.trainer import Trainer
learn, steps = Trainer._learn, 0
def watched(self, batch):
    global steps
    steps += 1
    if steps == 3:
        send(RunDir(Path(RUN)).commands, Rollback())
        spoil()
    learn(self, batch)
Trainer._learn = watched
"""


@pytest.mark.parametrize("where", ROLLBACKS)
def test_a_rollback_without_memory_is_refused(
    engines: Engines, again: RunDir, whole: RunDir, where: str
) -> None:
    hook = "from pathlib import Path\n" + ROLLBACKS[where] + IN_EPOCH_3
    # What is starved once stays so: the last prediction is made without.
    code = engines.run(again, hook)
    assert code == 0, again.engine_log.read_text()
    (refused,) = told(again, CommandRejected)
    assert REMEDY in refused.reason
    assert "remove" not in refused.reason
    assert not told(again, RolledBack)
    assert [event.val_loss for event in told(again, EpochEnded)] == [
        event.val_loss for event in told(whole, EpochEnded)
    ]
    for warning in told(again, RunWarning):
        if warning.message.startswith("no prediction"):
            assert REMEDY in warning.message
            assert "remove" not in warning.message


def test_a_prediction_without_memory_says_so(
    again: RunDir, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command line's helper makes it, whose last line is shown."""
    out = again.path / "out.csv"
    monkeypatch.setattr(weights_file, "load_file", no_memory)
    monkeypatch.setattr(sys, "argv", ["", *map(str, (again.path, "--out", out, "--test", pictures / "test"))])
    with pytest.raises(MemoryError) as caught:
        predict.main()
    assert str(caught.value) == (
        "it is out of memory: lower data.batch_size or data.workers in the run's recipe.toml"
    )
    assert not out.exists()


def no_memory(*_: object, **__: object) -> NoReturn:
    torch.empty(1 << 46)
    raise AssertionError


def test_weights_and_models_for_which_there_is_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"w": torch.zeros(2)}, path)
    for owner, name, read in (
        (weights_file, "load_file", lambda: read_weights(path)),
        (timm, "create_model", lambda: restore_model("test_efficientnet", 3, {})),
        (timm, "create_model", lambda: build_model(Model(name="test_efficientnet", pretrained=False), 3, 0)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, no_memory)
            with pytest.raises(RuntimeError) as caught:
                read()
            assert is_out_of_memory(caught.value)


def test_weights_larger_than_all_memory_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.safetensors"
    hollow(path)
    monkeypatch.setattr(weights_file, "load_file", no_memory)  # as it does where memory isn't overcommitted
    with pytest.raises(
        UserError, match=r"w\.safetensors has 1,099,511,\d{3},\d{3} bytes, more than this machine's"
    ):
        read_weights(path)


def test_a_pickle_for_which_there_is_no_memory(tmp_path: Path) -> None:
    """Of 80 MB, in a process that may have no more than it has; and one of some bytes that asks for a lot."""
    path = tmp_path / "w.pth"
    torch.save({"w": torch.zeros(20 << 20)}, path)
    own = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used, own[1]))
    try:
        with pytest.raises((RuntimeError, MemoryError)) as caught:
            read_weights(path)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, own)
    assert is_out_of_memory(caught.value)
    torch.save({"w": torch.zeros(4)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert content.count(b"cpuq\x06K\x04") == 1
    path.write_bytes(content.replace(b"cpuq\x06K\x04", b"cpuq\x06\x8a\x07" + (1 << 46).to_bytes(7, "little")))
    with pytest.raises(UserError, match=r"w\.pth is damaged or holds more than tensors"):
        read_weights(path)


def test_weights_that_cannot_be_read_are_not_said_to_be_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"w": torch.zeros(2)}, path)

    def refused(*_: object) -> NoReturn:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(weights_file, "read_metadata", refused)
    with pytest.raises(UserError, match=r"w\.safetensors can't be read: Permission denied$"):
        read_weights(path)


def test_a_path_that_safetensors_cannot_open_is_no_damage(again: RunDir) -> None:
    moved = again.path.with_name(os.fsdecode(b"run\x80"))
    again.path.rename(moved)
    with pytest.raises(UserError, match=r"can't be read now: its path is not valid UTF-8") as caught:
        checkpoint.load_model_file(moved / "checkpoints" / "best")
    assert "remove" not in str(caught.value)
