"""Pictures for the console: kept, dropped when nobody wants them any more, and nothing takes the console down."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import made_outliers
import pytest

from tui.thumbnails import Thumbnail, Thumbnails, Wanted


class Served:
    """Thumbnails, and how often a picture came."""

    def __init__(self, patience: float = 5.0) -> None:
        self.came = threading.Semaphore(0)
        self.thumbnails = Thumbnails(self.came.release, patience=patience)

    def wait(self, wanted: Wanted) -> Thumbnail:
        self.thumbnails.want([wanted])
        deadline = time.monotonic() + 20
        while (found := self.thumbnails.get(wanted)) is None:
            assert time.monotonic() < deadline
            self.came.acquire(timeout=0.1)
        return found


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def one(patience: float = 5.0) -> Served:
        made.append(Served(patience))
        return made[-1]

    yield one
    for served in made:
        served.thumbnails.stop()


def test_only_the_newest_wishes_are_served(serve: Callable[..., Served], tmp_path: Path) -> None:
    data = made_outliers.make_pictures(tmp_path / "data", ["cat"], 40)
    files = sorted(map(str, (data / "cat").iterdir()))
    served = serve()
    served.wait(Wanted(files[0], 20, 20))
    for path in files[1:-1]:
        served.thumbnails.want([Wanted(path, 20, 20)])
    last = served.wait(Wanted(files[-1], 20, 20))
    assert (last.width, last.height, len(last.content)) == (20, 15, 900)
    read = sum(served.thumbnails.get(Wanted(path, 20, 20)) is not None for path in files)
    assert read < 20


def test_what_was_read_is_kept(serve: Callable[..., Served], tmp_path: Path) -> None:
    data = made_outliers.make_pictures(tmp_path / "data", ["cat"], 2)
    wanted = Wanted(str(data / "cat" / "0000.png"), 12, 12)
    served = serve()
    first = served.wait(wanted)
    Path(wanted.path).unlink()
    served.thumbnails.want([wanted])
    assert served.thumbnails.get(wanted) is first


def test_a_killed_process_is_started_again(serve: Callable[..., Served], tmp_path: Path) -> None:
    data = made_outliers.make_pictures(tmp_path / "data", ["cat"], 3)
    first, second, third = (Wanted(str(data / "cat" / f"000{n}.png"), 12, 12) for n in range(3))
    served = serve()
    served.wait(first)
    before = served.thumbnails.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    found = served.wait(second)
    # The death may be noticed before the question or by it.
    assert found.content or "broke down" in found.reason
    assert served.wait(third).content
    assert served.thumbnails.pid not in (None, before)


def test_a_hanging_process_is_killed(serve: Callable[..., Served], tmp_path: Path) -> None:
    data = made_outliers.make_pictures(tmp_path / "data", ["cat"], 3)
    first, second, third = (Wanted(str(data / "cat" / f"000{n}.png"), 12, 12) for n in range(3))
    served = serve(0.5)
    served.wait(first)
    before = served.thumbnails.pid
    assert before is not None
    os.kill(before, signal.SIGSTOP)
    assert served.wait(second).reason == "reading it took longer than 0.5 s"
    assert served.wait(third).content
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_the_process_ends_with_the_thumbnails(serve: Callable[..., Served], tmp_path: Path) -> None:
    data = made_outliers.make_pictures(tmp_path / "data", ["cat"], 1)
    served = serve()
    served.wait(Wanted(str(data / "cat" / "0000.png"), 12, 12))
    pid = served.thumbnails.pid
    assert pid is not None
    served.thumbnails.stop()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
