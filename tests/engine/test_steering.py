"""Commands to a living run: each is done, or refused with the reason, and answered in the journal."""

import os
import tomllib
from pathlib import Path

from safetensors.torch import load_file

from engine.control.commands import Checkpoint, Exclude, Pause, Predict, Resume, Rollback, Set, Skip, Stop
from engine.journal.events import (
    CheckpointSaved,
    CommandAccepted,
    CommandRejected,
    EpochCut,
    Paused,
    Resumed,
    RolledBack,
    RunWarning,
    SettingChanged,
    Step,
)
from tests.cli.calling import call
from tests.engine.conducting import Watcher, play
from tests.made_data import COLOURS, make_pictures, make_run


def test_pause_holds_between_two_steps(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, "train.epochs=200", "schedule.patience=1000")

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch is not None and state.epoch.epoch == 2)
        assert isinstance(watcher.ask(Pause()), CommandAccepted)
        watcher.until(lambda state: state.paused)
        assert watcher.state.status(alive=True) == "paused"
        refused = watcher.ask(Pause())
        assert isinstance(refused, CommandRejected)
        assert "already" in refused.reason
        assert isinstance(watcher.ask(Checkpoint()), CommandAccepted)
        assert isinstance(watcher.ask(Resume()), CommandAccepted)
        assert watcher.state.paused is None
        assert isinstance(watcher.ask(Resume()), CommandRejected)
        watcher.ask(Stop())

    played = play(run, script)
    paused = next(index for index, event in enumerate(played.events) if isinstance(event, Paused))
    resumed = next(index for index, event in enumerate(played.events) if isinstance(event, Resumed))
    assert not any(isinstance(event, Step) for event in played.events[paused:resumed])
    saved = [event.reason for event in played.events[paused:resumed] if isinstance(event, CheckpointSaved)]
    assert saved.count("asked for") == 1
    assert not list(run.commands.iterdir())


def test_predict_from_the_best_so_far_while_training_goes_on(pictures: Path, runs: Path) -> None:
    plain = make_run(runs, pictures, "train.epochs=3", name="plain")
    assert play(plain).code == 0
    run = make_run(runs, pictures, "train.epochs=3", name="asked")

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epochs)
        assert isinstance(watcher.ask(Predict()), CommandAccepted)
        watcher.until(lambda state: state.prediction is not None)
        assert run.prediction.read_text().startswith("image_name,pred_label\n0,")

    assert play(run, script).code == 0
    ours, theirs = (load_file(place.checkpoints / "last/model.safetensors") for place in (run, plain))
    assert all(value.equal(theirs[key]) for key, value in ours.items())
    assert run.train_log.read_text() == plain.train_log.read_text()


def test_a_prediction_that_cannot_be_made_ends_no_training(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, "train.epochs=99999", "schedule.patience=99999")
    run.prediction.mkdir()  # in the place of the file: nobody can write that
    beside = f"no prediction: {run.prediction}: Is a directory; the training goes on"

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epochs)
        assert isinstance(watcher.ask(Predict()), CommandAccepted)
        watcher.until(
            lambda _: any(one.message == beside for one in watcher.events if isinstance(one, RunWarning))
        )
        epochs = len(watcher.state.epochs)
        watcher.until(lambda state: len(state.epochs) > epochs + 1)
        last = watcher.state.epochs[-1].epoch + 2
        assert isinstance(watcher.ask(Set(key="train.epochs", value=str(last))), CommandAccepted)

    played = play(run, script)
    assert played.code == 0
    assert played.state.ended is not None
    assert played.state.ended.outcome == "finished"
    warning = (
        f"no prediction: {run.prediction}: Is a directory; vrdl-tui predict makes it once that is mended"
    )
    assert [event.message for event in played.events if isinstance(event, RunWarning)][-1] == warning
    assert list(run.prediction.iterdir()) == []


def test_predict_is_refused_with_nothing_to_predict(tmp_path: Path, runs: Path) -> None:
    run = make_run(
        runs, make_pictures(tmp_path / "data", test=0), "train.epochs=200", "schedule.patience=1000"
    )

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epochs)
        refused = watcher.ask(Predict())
        assert isinstance(refused, CommandRejected)
        assert "no test images" in refused.reason
        watcher.ask(Stop())

    play(run, script)


def test_settings_change_for_good(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, "train.epochs=200", "schedule.patience=1000")

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epochs)
        assert isinstance(watcher.ask(Set(key="optim.lr", value="0.0007")), CommandAccepted)
        assert watcher.state.lr == 0.0007
        assert isinstance(watcher.ask(Set(key="schedule.patience", value="900")), CommandAccepted)
        assert watcher.state.early_stop.patience == 900
        for key, value, why in (
            ("optim.lr", "-1", "greater than 0"),
            ("train.epochs", "0", "greater than or equal to 1"),
            ("model.name", "resnet18", "can't be changed"),
            ("schedule.patienc", "3", "did you mean schedule.patience"),
        ):
            refused = watcher.ask(Set(key=key, value=value))
            assert isinstance(refused, CommandRejected)
            assert why in refused.reason
        count = len(watcher.state.epochs)
        watcher.until(lambda state: len(state.epochs) > count + 1)
        assert watcher.state.epochs[-1].lr == 0.0007
        assert watcher.state.epochs[-1].patience == 900
        watcher.ask(Stop())

    played = play(run, script)
    changed = [event for event in played.events if isinstance(event, SettingChanged)]
    assert [(event.key, event.old, event.new) for event in changed] == [
        ("optim.lr", "0.003", "0.0007"),
        ("schedule.patience", "1000", "900"),
    ]
    assert tomllib.loads(run.recipe.read_text())["schedule"]["patience"] == 900


def test_what_was_sent_to_nobody_is_refused_at_the_next_start(pictures: Path, runs: Path) -> None:
    from engine.control.commands import send

    run = make_run(runs, pictures, "train.epochs=1")
    identity = send(run.commands, Stop())
    (run.commands / "0.json").write_text("{ no command")
    played = play(run)
    answer = played.state.answer(identity)
    assert isinstance(answer, CommandRejected)
    assert "no engine" in answer.reason
    assert played.code == 0
    assert not list(run.commands.iterdir())


def test_a_thousand_images_left_out_and_restored_from_the_command_line(tmp_path: Path, runs: Path) -> None:
    data = make_pictures(tmp_path / "data", test=0)
    named = [f"{colour}/{'x' * 80}-{number}.png" for colour in COLOURS for number in range(400)]
    for name in named:
        colour = name.partition("/")[0]
        os.link(data / "train" / colour / f"{colour}0.png", data / "train" / name)
    assert sum(map(len, named)) > 64 << 10
    run = make_run(runs, data, "train.epochs=200", "schedule.patience=1000")
    restored = []

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch)
        answer = watcher.ask(Exclude(paths=named))
        assert isinstance(answer, CommandAccepted)
        assert answer.detail.startswith("1,200 images excluded")
        restored.append(call("outliers", "restore", run.path, *named, cwd=tmp_path))
        watcher.ask(Stop())

    play(run, script)
    (answer,) = restored
    assert answer.code == 0, answer
    assert answer.out.startswith("restore: accepted, 1,200 images restored")


def test_going_on_from_the_best_weights(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, "train.epochs=200", "schedule.patience=1000")

    def script(watcher: Watcher) -> None:
        refused = watcher.ask(Rollback())
        assert isinstance(refused, CommandRejected)
        watcher.until(lambda state: len(state.epochs) > 2)
        watcher.ask(Pause())
        watcher.until(lambda state: state.paused)
        answer = watcher.ask(Rollback())
        assert isinstance(answer, CommandAccepted)
        best = watcher.state.early_stop.best_epoch
        assert answer.detail == f"going on from the best weights, those of epoch {best}"
        ours, theirs = (
            load_file(run.checkpoints / which / "model.safetensors") for which in ("last", "best")
        )
        assert all(value.equal(theirs[key]) for key, value in ours.items())
        watcher.ask(Stop())

    played = play(run, script)
    assert [event.best_epoch for event in played.events if isinstance(event, RolledBack)]

    def stop(watcher: Watcher) -> None:
        watcher.until(lambda state: state.started is not None and state.started.attempt == 2 and state.step)
        watcher.ask(Stop())

    assert play(run, stop).state.rollbacks


def test_the_rest_of_an_epoch_is_left_out_and_a_resume_leaves_it_out_too(pictures: Path, runs: Path) -> None:
    settings = ("train.epochs=3", "data.batch_size=2", "schedule.patience=1000")
    cut = make_run(runs, pictures, *settings)
    stopped = []

    def skip_and_stop(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch and state.epoch.epoch == 2 and state.step)
        watcher.ask(Pause())
        watcher.until(lambda state: state.paused)
        stopped.append(watcher.state.paused)
        watcher.ask(Skip())
        watcher.ask(Stop())

    play(cut, skip_and_stop)
    played = play(cut)
    assert played.code == 0
    told = [event for event in played.events if isinstance(event, EpochCut)]
    assert [(event.epoch, event.step) for event in told] == [(2, stopped[0].step)]
    steps = [event.step for event in played.events if isinstance(event, Step) and event.epoch == 2]
    assert max(steps) == stopped[0].step
    assert len(played.state.epochs) == 3
