"""A checkpoint resumed in another precision or on another device: resumed, and the difference is in the journal.

float16 is for GPUs here; the CPU computes in it too, slowly, and so these tests choose it there.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.compute.device import Amp, Precision
from engine.core.tensor_file import read_metadata
from engine.journal.events import RunWarning
from engine.recipe.recipe import change, load_recipe
from engine.run.directory import RunDir
from engine.run.train_state import MODEL, TRAIN_STATE
from engine.training.loop import Moment, TrainingLoop
from tests.engine.conducting import Played, play
from tests.engine.test_hostile_weights import rewrite
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_run

SETTINGS = (
    "train.epochs=2",
    "data.workers=0",
    "data.batch_size=14",
    "model.dropout=0.3",
    "optim.clip_grad=1.0",
)
NAMES: dict[Amp, str] = {"off": "float32", "bf16": "bf16", "fp16": "fp16"}
DIFFER = "the numbers from here on differ from those of an unbroken run"


@pytest.fixture(autouse=True)
def _float16_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    choose = Precision.choose

    def chosen(device: torch.device, amp: Amp) -> Precision:
        return Precision(device, torch.float16) if amp == "fp16" else choose(device, amp)

    monkeypatch.setattr(Precision, "choose", chosen)


def interrupted(runs: Path, pictures: Path, amp: Amp, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """Train a run up to the second step of its second epoch."""
    run = make_run(runs, pictures, *SETTINGS, f"optim.amp={amp}")
    attend = TrainingLoop._attend

    def leave_there(self: TrainingLoop, moment: Moment) -> None:
        self._control.terminate = self.position() == (2, 1)
        attend(self, moment)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingLoop, "_attend", leave_there)
        played = play(run)
    assert played.code == 130, played.state.ended
    return run


@pytest.fixture(scope="module")
def stopped(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Amp], RunDir]:
    """Return a run that was stopped in the middle of its training in a precision; it is trained once."""
    made: dict[Amp, RunDir] = {}

    def run_in(amp: Amp) -> RunDir:
        if amp not in made:
            with pytest.MonkeyPatch.context() as patch:
                made[amp] = interrupted(tmp_path_factory.mktemp(amp), pictures, amp, patch)
        copy = tmp_path_factory.mktemp("runs") / "run"
        return RunDir(shutil.copytree(made[amp].path, copy))

    return run_in


def resume(run: RunDir, amp: Amp) -> Played:
    """Resume a run with another ``optim.amp`` in its recipe."""
    run.recipe.write_text(change(load_recipe(run.recipe), "optim.amp", amp).to_toml())
    played = play(run)
    assert played.code == 0, played.state.ended
    assert played.state.started is not None
    assert (played.state.started.resumed_epoch, played.state.started.resumed_step) == (2, 1)
    return played


def differences(played: Played) -> list[str]:
    told = [event.message for event in played.events if isinstance(event, RunWarning)]
    return [message for message in told if DIFFER in message]


def state(run: RunDir) -> dict[str, str]:
    return read_metadata(run.checkpoints / "last" / TRAIN_STATE)


@pytest.mark.parametrize("later", NAMES)
@pytest.mark.parametrize("earlier", NAMES)
def test_resumed_in_any_precision(stopped: Callable[[Amp], RunDir], earlier: Amp, later: Amp) -> None:
    run = stopped(earlier)
    assert bool(json.loads(state(run)["scaler"])) == (earlier == "fp16")
    played = resume(run, later)
    scaler = "; the loss scaler starts anew" if later == "fp16" else ""
    words = (
        f"the checkpoint was trained in {NAMES[earlier]} and is resumed in {NAMES[later]}: {DIFFER}{scaler}"
    )
    assert differences(played) == ([] if earlier == later else [words])
    assert bool(json.loads(state(run)["scaler"])) == (later == "fp16")
    assert (state(run)["precision"], state(run)["device"]) == (NAMES[later], "cpu")


def test_float16_resumes_exactly(stopped: Callable[[Amp], RunDir], pictures: Path, runs: Path) -> None:
    unbroken = make_run(runs, pictures, *SETTINGS, "optim.amp=fp16", name="unbroken")
    assert play(unbroken).code == 0
    run = stopped("fp16")
    resume(run, "fp16")
    assert_same_end(run, unbroken)
    assert state(run)["scaler"] == state(unbroken)["scaler"]


def test_resumed_on_another_device(stopped: Callable[[Amp], RunDir]) -> None:
    run = stopped("bf16")

    def on_a_gpu(_: object, metadata: dict[str, str]) -> None:
        assert metadata["device"] == "cpu"
        metadata["device"] = "cuda"

    rewrite(run.checkpoints / "last" / TRAIN_STATE, on_a_gpu)
    shutil.copytree(run.path, run.path.with_name("again"))
    assert differences(resume(run, "off")) == [
        f"the checkpoint was trained in bf16 on cuda and is resumed in float32 on cpu: {DIFFER}"
    ]
    assert differences(resume(RunDir(run.path.with_name("again")), "bf16")) == [
        f"the checkpoint was trained in bf16 on cuda and is resumed in bf16 on cpu: {DIFFER}"
    ]


@pytest.mark.parametrize(
    ("earlier", "later", "words"),
    [
        ("off", "off", None),
        ("bf16", "off", None),  # what it was trained in isn't known
        ("off", "fp16", "float32 or bf16"),
        ("fp16", "off", "fp16"),
        ("fp16", "fp16", None),
    ],
)
def test_a_checkpoint_of_an_earlier_version(
    stopped: Callable[[Amp], RunDir], earlier: Amp, later: Amp, words: str | None
) -> None:
    """One that says neither precision nor device: its loss scaler tells whether it was trained in float16."""
    run = stopped(earlier)

    def older(_: object, metadata: dict[str, str]) -> None:
        del metadata["precision"], metadata["device"]

    rewrite(run.checkpoints / "last" / TRAIN_STATE, older)
    told = differences(resume(run, later))
    assert [message.partition(" and is resumed in ")[0] for message in told] == (
        [f"the checkpoint was trained in {words}"] if words else []
    )


def test_what_a_checkpoint_says_of_itself_is_shown_as_text(stopped: Callable[[Amp], RunDir]) -> None:
    run = stopped("off")

    def hostile(_: object, metadata: dict[str, str]) -> None:
        metadata["precision"] = "\x1b[2Jfp8" + "8" * 1000

    rewrite(run.checkpoints / "last" / TRAIN_STATE, hostile)
    (message,) = differences(resume(run, "off"))
    assert message.startswith("the checkpoint was trained in \\x1b[2Jfp888")
    assert message.isprintable()
    assert len(message) < 300


def test_the_loss_scaler_goes_on_where_it_was(
    stopped: Callable[[Amp], RunDir], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stopped("fp16")
    saved: dict[str, Any] = json.loads(state(run)["scaler"])

    def scaled(_: object, metadata: dict[str, str]) -> None:
        metadata["scaler"] = json.dumps(saved | {"scale": 8.0, "_growth_tracker": 5})

    rewrite(run.checkpoints / "last" / TRAIN_STATE, scaled)
    resume(run, "fp16")
    after = json.loads(state(run)["scaler"])
    assert (after["scale"], after["_growth_tracker"]) == (8.0, 6)
    assert (run.checkpoints / "best" / MODEL).exists()
