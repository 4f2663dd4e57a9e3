"""Full collections of garbage: never beside a key."""

import gc
import time
import weakref
from collections.abc import Iterator

import pytest

from tui import loaded
from tui.loaded import Loaded


class Ring:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()
    gc.enable()


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    monkeypatch.setattr(loaded, "_QUIET", 0.2)
    monkeypatch.setattr(loaded, "_EVERY", 0.4)
    one = Loaded()
    one.keep()
    return one


def old_garbage() -> "weakref.ref[Ring]":
    """Return the trace of something that only a full collection finds."""
    ring = Ring()
    gc.collect(1)  # it is old now
    return weakref.ref(ring)


def test_no_full_collection_by_itself(kept: Loaded) -> None:
    trace, full = old_garbage(), gc.get_stats()[2]["collections"]
    several = [[Ring() for _ in range(1_000)] for _ in range(500)]
    assert gc.get_stats()[2]["collections"] == full
    assert trace() is not None
    assert several


def test_a_quiet_moment_is_used(kept: Loaded) -> None:
    trace = old_garbage()
    kept.tidy()
    assert trace() is not None, "too soon"
    time.sleep(0.5)
    kept.tidy()
    assert trace() is None


def test_who_types_is_not_held_up(kept: Loaded) -> None:
    trace = old_garbage()
    time.sleep(0.5)
    kept.touched()
    kept.tidy()
    assert trace() is not None
    time.sleep(0.3)
    kept.tidy()
    assert trace() is None
