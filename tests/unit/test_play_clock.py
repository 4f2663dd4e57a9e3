"""The clock of a replay: runs, stands, is set, is hurried."""

import pytest

from tui.play_clock import SPEEDS, PlayClock


class Tick:
    """A clock for the clock, moved by hand."""

    def __init__(self) -> None:
        self.t = 50.0

    def __call__(self) -> float:
        return self.t


@pytest.fixture
def tick() -> Tick:
    return Tick()


@pytest.fixture
def clock(tick: Tick) -> PlayClock:
    clock = PlayClock(10.0, tick)
    clock.load(1000.0, 2000.0)
    return clock


def test_the_clock_runs_stands_and_is_set(clock: PlayClock, tick: Tick) -> None:
    tick.t += 5
    assert clock.now() == 1050.0
    assert clock.share == pytest.approx(0.05)
    clock.turn()
    tick.t += 100
    assert (clock.now(), clock.playing) == (1050.0, False)
    clock.seek(0.5)
    tick.t += 1
    assert clock.now() == 1500.0, "set, it stands still as it did"
    clock.turn()
    clock.change_speed(1)
    tick.t += 1
    assert (clock.now(), clock.speed) == (1520.0, 20.0)
    clock.seek(7)
    assert (clock.now(), clock.over) == (2000.0, True)
    clock.turn()
    assert (clock.now(), clock.playing) == (1000.0, True), "from the end it begins again"
    clock.seek(-1)
    assert clock.now() == 1000.0


def test_a_change_of_speed_moves_it_nowhere(clock: PlayClock, tick: Tick) -> None:
    for steps, most in ((-1, SPEEDS[0]), (1, SPEEDS[-1])):
        for _ in range(len(SPEEDS) + 2):
            before = clock.now()
            clock.change_speed(steps)
            assert clock.now() == before
        assert clock.speed == most
