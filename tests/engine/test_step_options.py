"""The training step's options: each does exactly what it promises, and all of them together resume exactly."""

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from engine.analysis.stats import wilson
from engine.control.commands import Checkpoint
from engine.journal.events import CommandAccepted, EpochEnded, Event, RunWarning
from engine.model import compiled
from engine.model.build import build_model
from engine.model.compiled import CompiledForward
from engine.model.ema import ModelEma
from engine.recipe.recipe import load_recipe
from engine.recipe.sections import Optim
from engine.run.directory import RunDir
from engine.run.train_state import read_progress
from engine.training import evaluate as validation
from engine.training.loop import Moment, TrainingLoop
from engine.training.optimizer import build_optimizer, set_lr
from engine.training.update import Update
from tests.engine.conducting import Played, Watcher, play
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_run

Tensors = dict[str, torch.Tensor]
Together = (
    "train.epochs=4", "mixup.alpha=0.5", "model.drop_rate=0.3", "data.batch_size=4", "schedule.every=1",
    "optim.grad_accum_steps=2", "train.model_ema_decay=0.9", "train.freeze_epochs=2", "optim.layer_decay=0.8",
    "optim.clip_grad=1.0",
)  # fmt: skip
ONE_STEP = ("train.epochs=1", "data.batch_size=64", "mixup.alpha=0", "optim.weight_decay=0")


def initial(run: RunDir) -> Tensors:
    recipe = load_recipe(run.recipe)
    return build_model(recipe.model, 3, recipe.train.seed).module.state_dict()


def model_of(run: RunDir, which: str = "last") -> Tensors:
    return load_file(run.checkpoints / which / "model.safetensors")


def state_of(run: RunDir) -> Tensors:
    return load_file(run.checkpoints / "last/train_state.safetensors")


def raw_of(run: RunDir) -> Tensors:
    return {
        key.removeprefix("model."): value for key, value in state_of(run).items() if key.startswith("model.")
    }


def compiling(played: Played) -> list[str]:
    """Return the warnings about it; a busy machine adds one on the pace of the images."""
    told = [event.message for event in played.events if isinstance(event, RunWarning)]
    return [message for message in told if message.startswith("train.compile")]


def epochs(played: Played) -> list[EpochEnded]:
    assert played.code == 0, played.state.ended
    ended = [event for event in played.events if isinstance(event, EpochEnded)]
    assert all(wilson(round(event.val_acc * 12 / 100), 12) == _interval(event) for event in ended)
    return ended


def _interval(event: EpochEnded) -> tuple[float | None, float | None]:
    return event.val_acc_low, event.val_acc_high


def first_moment(run: RunDir) -> torch.Tensor:
    """All of AdamW's running means of the gradients, in a row."""
    return torch.cat([v.flatten() for key, v in state_of(run).items() if key.endswith(".exp_avg")])


def test_accumulated_batches_make_the_step_of_one_large_batch(pictures: Path, runs: Path) -> None:
    # Layer norm, no dropout: a batch's gradient is the mean over its images, whatever else is in it.
    plain = (
        "model.name=test_convnext", "train.epochs=1", "mixup.alpha=0", "model.drop_rate=0", "optim.lr=1e-5",
    )  # fmt: skip
    large = make_run(runs, pictures, *plain, "data.batch_size=8", name="large")
    small = make_run(runs, pictures, *plain, "data.batch_size=4", "optim.grad_accum_steps=2", name="small")
    (expected,), (found,) = epochs(play(large)), epochs(play(small))
    assert found.train_loss == pytest.approx(expected.train_loss, rel=1e-5)
    assert found.val_loss == pytest.approx(expected.val_loss, rel=1e-5)
    ours, theirs = first_moment(small), first_moment(large)
    assert (ours - theirs).abs().max() < 1e-4 * theirs.abs().max()
    assert all(value == 4 for key, value in state_of(small).items() if key.endswith(".step"))


def test_a_group_is_averaged_over_its_images() -> None:
    torch.manual_seed(0)
    images, target = torch.randn(9, 5), torch.randn(9, 2)
    gradients = []
    for cuts in ([9], [4, 4, 1], [2, 7]):
        model = nn.Linear(5, 2)
        nn.init.ones_(model.weight)
        nn.init.zeros_(model.bias)
        update = Update(model, torch.optim.SGD(model.parameters(), 0.1), torch.amp.GradScaler("cpu"), 0)
        update.apply()
        assert model.weight.equal(torch.ones(2, 5))
        for part, wanted in zip(images.split(cuts), target.split(cuts), strict=True):
            update.add(nn.functional.mse_loss(model(part), wanted), len(part))
        update.apply()
        gradients.append(model.weight.detach())
    for gradient in gradients[1:]:
        torch.testing.assert_close(gradient, gradients[0])


def test_commands_are_obeyed_between_steps_of_the_weights(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, "data.batch_size=4", "optim.grad_accum_steps=3", "train.epochs=3")
    answers: list[CommandAccepted | object] = []

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch is not None)
        while watcher.state.ended is None and len(answers) < 8:
            answers.append(watcher.ask(Checkpoint()))

    play(run, script)
    accepted = [answer.detail for answer in answers if isinstance(answer, CommandAccepted)]
    assert accepted
    steps = {int(detail.rpartition(" ")[2]) for detail in accepted}
    assert steps <= {0, 3, 6, 7}  # seven batches an epoch; at its end the images of validation are read


def test_the_running_mean_is_judged_kept_and_exact(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[Tensors] = []
    evaluate = validation.evaluate

    def watched(model: nn.Module, *rest: object) -> object:
        judged.append({key: value.clone() for key, value in model.state_dict().items()})
        return evaluate(model, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(validation, "evaluate", watched)
    monkeypatch.setattr(validation.Folding, "__call__", lambda self, model: model)
    settings = ("data.batch_size=64", "train.model_ema_decay=0.2")  # an epoch is one step
    one = make_run(runs, pictures, *settings, "train.epochs=1", name="one")
    two = make_run(runs, pictures, *settings, "train.epochs=2", name="two")
    assert play(one).code == play(two).code == 0
    before = initial(one)
    # The first step's decay is 2 / 11, by the ramp; the second's, 3 / 12, is more than the recipe's.
    for run, seen, kept in ((one, judged[0], 2 / 11), (two, judged[2], 0.2)):
        raw, mean = raw_of(run), model_of(run)
        assert raw.keys() == mean.keys() == before.keys()
        for key, value in mean.items():
            whole = not value.is_floating_point()
            expected = raw[key] if whole else torch.lerp(before[key], raw[key], 1 - kept)
            assert value.equal(expected), key
            assert value.equal(seen[key]), key
        before = mean
    assert all(value.equal(judged[0][key]) for key, value in model_of(one, "best").items())


def test_the_running_mean_follows_the_weights_from_the_first_steps_on(pictures: Path, runs: Path) -> None:
    run = make_run(
        runs, pictures, "train.epochs=3", "data.batch_size=4", "train.model_ema_decay=0.9998", "optim.lr=0.01"
    )
    assert play(run).code == 0
    before, raw, mean = initial(run), raw_of(run), model_of(run)
    weights = [key for key, value in mean.items() if value.is_floating_point()]

    def distance(one: Tensors, other: Tensors) -> float:
        return float(torch.cat([(one[key] - other[key]).flatten() for key in weights]).norm())

    # Without the ramp 99.6 % of the mean would still be the weights that training began with.
    moved = distance(raw, before)
    assert distance(mean, before) > 0.5 * moved
    assert distance(mean, raw) < 0.5 * moved
    progress = read_progress(run.checkpoints / "last")
    assert (progress.updates, progress.updates_before) == (21, 21)


def test_the_ramp_of_the_running_mean() -> None:
    mean = ModelEma(nn.Linear(2, 2), 0.99)
    decays = [mean.decay_in(step) for step in (1, 80, 889, 890, 10**6)]
    assert decays == pytest.approx([2 / 11, 0.9, 890 / 899, 0.99, 0.99])
    assert mean.decay_in(None) == 0.99


def test_the_learning_rate_falls_with_the_distance_from_the_head(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, *ONE_STEP, "optim.layer_decay=0.5", "optim.lr=0.01")
    assert play(run).code == 0
    before, after = initial(run), model_of(run)
    # Adam's first step moves a weight by its learning rate, whatever the gradient.
    moved = {
        key: float((after[key] - value).abs().max()) for key, value in before.items() if "mean" not in key
    }
    away = {
        "classifier.weight": 0,
        "conv_head.weight": 1,
        "blocks.3.0.conv_pw.weight": 2,
        "conv_stem.weight": 6,
    }
    for name, layers in away.items():
        assert moved[name] == pytest.approx(0.01 * 0.5**layers, rel=1e-3), name


def test_the_learning_rates_keep_their_scale_and_the_weights_their_order() -> None:
    model = build_model(
        load_recipe(None, ("model.name=test_efficientnet", "model.pretrained=false")).model, 3, 0
    )
    optimizer = build_optimizer(model.module, Optim(lr=0.1, layer_decay=0.9))
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    assert all(ours is theirs for ours, theirs in zip(weights, model.module.parameters(), strict=True))
    set_lr(optimizer, 0.02)
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates == sorted(rates)
    assert rates[-1] == 0.02
    assert rates[0] == pytest.approx(0.02 * 0.9**6)


def test_clipping_bounds_the_gradients_of_all_weights_together(pictures: Path, runs: Path) -> None:
    clipped = make_run(runs, pictures, *ONE_STEP, "optim.clip_grad=0.01", name="clipped")
    loose = make_run(runs, pictures, *ONE_STEP, "optim.clip_grad=1e6", name="loose")
    free = make_run(runs, pictures, *ONE_STEP, name="free")
    assert all(play(run).code == 0 for run in (clipped, loose, free))
    # After one step AdamW's first moment is a tenth of the gradient.
    assert float(first_moment(clipped).norm()) == pytest.approx(0.1 * 0.01, rel=1e-3)
    assert float(first_moment(free).norm()) > 0.1
    assert first_moment(loose).equal(first_moment(free))


def test_a_frozen_backbone_keeps_its_bytes(pictures: Path, runs: Path) -> None:
    frozen = make_run(runs, pictures, "train.epochs=2", "train.freeze_epochs=2", name="frozen")
    thawed = make_run(runs, pictures, "train.epochs=2", "train.freeze_epochs=1", name="thawed")
    assert play(frozen).code == play(thawed).code == 0
    before, held, free = initial(frozen), model_of(frozen), model_of(thawed)
    for key, value in before.items():
        in_head = key.startswith("classifier.")
        assert held[key].equal(value) != in_head, key
        assert not free[key].equal(value), key
    trained = {key.partition(".")[0] for key in state_of(frozen)} - {"best_cells", "listing"}
    assert trained == {"47", "48"}  # of 49 weights


@pytest.mark.parametrize("place", [(1, 4), (3, 2)], ids=["head alone", "all weights"])
def test_all_of_them_together_resume_exactly(
    together: RunDir, pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[int, int]
) -> None:
    run = make_run(runs, pictures, *Together)
    attend = TrainingLoop._attend

    def leave_there(self: TrainingLoop, moment: Moment) -> None:
        self._control.terminate = self.position() == place
        attend(self, moment)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingLoop, "_attend", leave_there)
        assert play(run).code == 130
    second = play(run)
    assert second.state.started is not None
    assert (second.state.started.resumed_epoch, second.state.started.resumed_step) == place
    assert_same_end(run, together)


@pytest.fixture(scope="module")
def together(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("together"), pictures, *Together)
    assert play(run).code == 0
    return run


@pytest.fixture
def compile_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Have a backend of torch.compile that takes no minutes."""

    def use(backend: object) -> None:
        torch.compiler.reset()
        monkeypatch.setattr(compiled.torch, "compile", functools.partial(torch.compile, backend=backend))

    return use


def test_a_compiled_run_learns_alike_under_timms_names(
    pictures: Path, runs: Path, compile_with: Callable[[object], None]
) -> None:
    graphs: list[object] = []

    def seen(graph: torch.fx.GraphModule, inputs: object) -> object:
        graphs.append(graph)
        return graph.forward

    compile_with(seen)
    plain = make_run(runs, pictures, *ONE_STEP, name="plain")
    ours = make_run(runs, pictures, *ONE_STEP, "train.compile=true", name="compiled")
    expected, played = play(plain), play(ours)
    assert graphs
    assert epochs(played)[0].train_loss == pytest.approx(epochs(expected)[0].train_loss, rel=1e-5)
    assert model_of(ours).keys() == model_of(plain).keys() == initial(ours).keys()
    assert not compiling(played)


def test_what_does_not_compile_is_trained_as_it_is(
    pictures: Path, runs: Path, compile_with: Callable[[object], None]
) -> None:
    def broken(graph: object, inputs: object) -> object:
        raise RuntimeError("no compiler here")

    compile_with(broken)
    settings = ("train.epochs=2", "model.drop_rate=0.3")
    plain = make_run(runs, pictures, *settings, name="plain")
    ours = make_run(runs, pictures, *settings, "train.compile=true", name="compiled")
    expected, played = play(plain), play(ours)
    assert [e.train_loss for e in epochs(played)] == [e.train_loss for e in epochs(expected)]
    (warning,) = compiling(played)
    assert warning.startswith("train.compile failed, running without it: ")
    assert "no compiler here" in warning


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_the_compiled_forward_gives_the_models_own_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a process with other vector instructions compiled into the shared cache is not taken for this one's.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.compiler.reset()
    told: list[Event] = []
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    images = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(CompiledForward(model, told.append)(images), model(images))
    if os.environ.get("ATEN_CPU_CAPABILITY") == "default" and told:
        pytest.skip("torch compiles for no processor without vectors")
    assert told == []
