"""What a full disk does to commands behind one that waits, and to the times that a run tells."""

import statistics
import time
from pathlib import Path

from engine.control.commands import Checkpoint, Exclude, Set, Stop, send
from engine.journal.events import (
    CommandAccepted,
    CommandRejected,
    DiskFreed,
    EpochEnded,
    OutlierExcluded,
    SettingChanged,
    Step,
)
from tests.engine.conducting import Watcher
from tests.engine.disks import POINTS, Place
from tests.engine.test_disk_full import pause

ENDLESS = ("train.epochs=100000", "schedule.patience=100000")
# Not on_event, which acts on a thread of its own: the next image would be told before.
FULL_AFTER_THE_FIRST = """
from pathlib import Path
from engine.journal import log as journal
from engine.journal.events import OutlierExcluded

append_all = journal.JournalWriter.append_all

def told(self, *events):
    stamped = append_all(self, *events)
    if any(isinstance(event, OutlierExcluded) and event.by for event in events):
        Path({flag!r}).touch()
    return stamped

journal.JournalWriter.append_all = told
"""


def told(watcher: Watcher, kind: type) -> list:  # type: ignore[type-arg]
    watcher.look()
    return [event for event in watcher.events if isinstance(event, kind)]


def test_what_was_refused_meanwhile_is_not_done_afterwards(place: Place, tmp_path: Path) -> None:
    run = place.new(tmp_path.name, *ENDLESS)
    place.engines.start(run, place.hook(run, r"/\.last\.new"))
    watcher = Watcher(run)
    pause(watcher)
    place.flag.touch()
    # Both at once, so that the engine finds both when it looks.
    waits, refused = send(run.commands, Checkpoint()), send(run.commands, Set(key="optim.lr", value="0.002"))
    watcher.until(lambda state: state.answer(refused))
    place.free()
    watcher.until(lambda state: state.answer(waits))
    assert isinstance(watcher.ask(Stop()), CommandAccepted)
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    answers = [(one.id, type(one)) for one in told(watcher, CommandAccepted | CommandRejected)]  # type: ignore[arg-type]
    assert answers.count((refused, CommandRejected)) == 1
    assert (refused, CommandAccepted) not in answers
    assert (waits, CommandAccepted) in answers
    assert not told(watcher, SettingChanged)
    assert "0.002" not in run.recipe.read_text()


def test_images_of_which_some_were_left_out_are_all_left_out_by_the_next_attempt(
    place: Place, tmp_path: Path
) -> None:
    run = place.new(tmp_path.name, *ENDLESS)
    flag = FULL_AFTER_THE_FIRST.format(flag=str(place.flag))
    place.engines.start(run, place.hook(run, POINTS["journal"]) + flag)
    watcher = Watcher(run)
    watcher.until(lambda state: state.epochs)
    known = {event.path for event in told(watcher, OutlierExcluded)}
    images = sorted(Path(run.path).parents[1].rglob("train/*/*.png"))
    blue = [str(image) for image in images if image.parent.name == "blue" and str(image) not in known][:2]
    identity = send(run.commands, Exclude(paths=blue))
    watcher.until(lambda state: state.full)
    assert isinstance(watcher.ask(Stop()), CommandAccepted)
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    assert len([one for one in told(watcher, OutlierExcluded) if one.by]) == 1
    assert watcher.state.answer(identity) is None
    place.free()
    place.engines.start(run)
    watcher.until(lambda state: state.answer(identity))
    assert isinstance(watcher.state.answer(identity), CommandAccepted)
    assert isinstance(watcher.ask(Stop()), CommandAccepted)
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    assert [one.path for one in told(watcher, OutlierExcluded) if one.by] == blue


def test_what_a_run_waits_is_no_time_of_its_epochs(place: Place, tmp_path: Path) -> None:
    """Five seconds, wherever in an epoch the disk is found full; an epoch takes less than one."""
    run = place.new(tmp_path.name, *ENDLESS, "optim.grad_accum_steps=2")
    place.engines.start(run, place.hook(run, "|".join((POINTS["journal"], POINTS["train.log"]))))
    watcher = Watcher(run)
    watcher.until(lambda state: state.epochs)
    for _ in range(2):
        place.flag.touch()
        watcher.until(lambda state: state.full)
        time.sleep(5)
        place.free()
        epochs = len(watcher.state.epochs)
        watcher.until(lambda state, epochs=epochs: not state.full and len(state.epochs) > epochs + 1)  # type: ignore[misc]
    assert isinstance(watcher.ask(Stop()), CommandAccepted)
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    assert min(event.waited for event in told(watcher, DiskFreed)) > 4.5
    assert max(event.seconds for event in told(watcher, EpochEnded)) < 4.5
    rates = [event.images_per_s for event in told(watcher, Step) if event.images_per_s]
    assert min(rates) > 1
    assert max(rates) < 100 * statistics.median(rates)
