"""A long journal's past: the same state with the superseded ticks left out, and an index that is never believed."""

import multiprocessing
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.journal import index as journal_index
from engine.journal.events import (
    AutoencoderEpoch,
    ConfusionMatrix,
    EpochStarted,
    Event,
    OutlierProgress,
    OutliersDone,
    PredictionProgress,
    PredictionWritten,
    RunStarted,
    RunWarning,
    Step,
    SystemSample,
    encode_line,
)
from engine.journal.index import History, IndexUpdater, compact, index_path, past_state
from engine.journal.log import JournalReader, JournalWriter
from engine.journal.state import RunState

STARTED = RunStarted(
    attempt=1, host="h", pid=1, version="0", name="r", model="m", data="d", epochs=9, batch_size=1, train_size=32,
    val_size=32, lr=0.1, schedule="counter", factor=0.5, every=2, patience=5, monitor="val_acc", mixup_alpha=0,
    outliers="none", seed=0,
)  # fmt: skip
TICKS: list[Callable[[int], Event]] = [
    lambda n: Step(epoch=1, step=n, steps=99, loss=n, train_acc=1, images_per_s=1, eta=None),
    lambda n: SystemSample(cpu_percent=n, rss=1, ram_used=1, ram_total=1, disk_free=1),
    lambda n: AutoencoderEpoch(class_name="a", class_index=1, classes=2, epoch=n, epochs=99, loss=1),
    lambda n: OutlierProgress(done=n, total=99),
    lambda n: PredictionProgress(done=n, total=99),
    lambda n: ConfusionMatrix(epoch=n, classes=2, cells=[(0, 1, n)], path=""),
]
TURNS: list[Callable[[int], Event]] = [
    lambda n: EpochStarted(epoch=n, epochs=99, lr=0.1, steps=99),
    lambda n: OutliersDone(excluded=0, images=n),
    lambda n: PredictionWritten(path="p", rows=n, epoch=1),
    lambda n: RunWarning(message=str(n)),
    lambda n: ConfusionMatrix(epoch=n, classes=2, cells=[(0, 1, n)], path=f"confusion_matrix{n}.png"),
    lambda n: STARTED,
    lambda n: msgspec.structs.replace(STARTED, resumed_epoch=n),
]


def written(path: Path, events: list[Event], seq: int = 0) -> None:
    with path.open("ab") as file:
        for number, event in enumerate(events, start=seq + 1):
            file.write(encode_line(msgspec.structs.replace(event, seq=number, t=float(number))))


def steps(count: int) -> list[Event]:
    return [TICKS[0](n) for n in range(count)]


def whole(path: Path) -> RunState:
    state = RunState()
    state.apply_all(JournalReader(path).read(1 << 40))
    return state


def past(path: Path) -> tuple[RunState, int, JournalReader]:
    """Read as a console does; return the state, how many events it took, and the reader behind them."""
    state, reader, count = RunState(), JournalReader(path), 0
    read = History(reader)
    for events in read.read():
        state.apply_all(events)
        count += len(events)
    read.save()
    return state, count, reader


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(journal_index, "_WORTH", 20_000)
    return tmp_path / "events.jsonl"


@pytest.mark.parametrize("seed", range(20))
def test_what_is_left_out_changes_nothing(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    made = [chance.choice(TICKS if chance.random() < 0.9 else TURNS)(n) for n in range(200)]
    events = [STARTED, *made]
    written(path, events)
    state, count, _ = past(path)
    assert state == whole(path)
    assert count < len(events) / 2


def test_only_the_newest_step_of_a_block_is_looked_at() -> None:
    lines = [
        encode_line(event).rstrip() for event in [STARTED, *steps(50), RunWarning(message="w"), *steps(30)]
    ]
    assert compact(b"\n".join(lines)) == [lines[0], lines[51], lines[-1]]
    assert compact(lines[1]) == [lines[1]]


def test_other_spellings_and_damage_are_kept(path: Path) -> None:
    odd = [b'{ "type": "step" }', b"", b"\x00\xff", b'{"seq":1,"t":2.0,"type":"step"}']
    assert compact(b"\n".join(odd)) == odd
    path.write_bytes(b"\n".join([*odd, b""]))
    _, count, reader = past(path)
    assert (count, reader.damaged) == (1, 3)


def test_the_index_stands_for_the_journal_and_what_came_after_it_is_read(path: Path) -> None:
    written(path, [STARTED, *steps(500)])
    first, _, _ = past(path)
    index = index_path(path)
    assert index.stat().st_size < path.stat().st_size / 20
    written(path, [EpochStarted(epoch=2, epochs=9, lr=0.1, steps=9), *steps(3)], seq=501)
    state, count, reader = past(path)
    assert first != state == whole(path)
    assert count == 2 + 2
    assert reader.read() == []
    written(path, [RunWarning(message="new")], seq=505)
    assert reader.read() == [RunWarning(message="new", seq=506, t=506.0)]


def spoiled(path: Path, how: str) -> None:
    """Make a good index wrong, or its journal another."""
    index, journal = index_path(path), path.read_bytes()
    content = index.read_bytes()
    match how:
        case "cut":
            index.write_bytes(content[: len(content) // 2])
        case "empty":
            index.write_bytes(b"")
        case "noise":
            index.write_bytes(os.urandom(5000))
        case "a changed line":
            index.write_bytes(content.replace(b'"model":"m"', b'"model":"n"'))
        case "another number":
            index.write_bytes(content.replace(b'"seq":501', b'"seq":502', 1))
        case "another format":
            index.write_bytes(content.replace(b'"format":1', b'"format":2', 1))
        case "nested too deep":
            index.write_bytes(b'{"more":' + b"[" * 4000 + content)
        case "a shorter journal":
            path.write_bytes(journal[: -len(journal.splitlines(keepends=True)[-1])])
        case "another journal":
            path.write_bytes(journal.replace(b'"loss":499.0', b'"loss":498.0'))
        case "a folder":
            index.unlink()
            index.mkdir()


@pytest.mark.parametrize(
    "how",
    ["cut", "empty", "noise", "a changed line", "another number", "another format", "nested too deep",
     "a shorter journal", "another journal", "a folder"],
)  # fmt: skip
def test_a_wrong_index_is_not_used_and_made_anew(path: Path, how: str) -> None:
    written(path, [STARTED, *steps(500)])
    past(path)
    good = index_path(path).read_bytes()
    spoiled(path, how)
    state, _, _ = past(path)
    assert state == whole(path)
    if how == "a folder":
        return
    if "journal" not in how:
        assert index_path(path).read_bytes() == good
    assert past(path)[0] == state


def test_a_short_journal_gets_none_and_one_of_few_ticks_neither(path: Path) -> None:
    written(path, [STARTED, *steps(20)])
    past(path)
    assert not index_path(path).exists()
    written(path, [RunWarning(message="x" * 100)] * 500, seq=21)
    past(path)
    assert not index_path(path).exists()


def test_a_folder_that_cant_be_written_is_no_trouble(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, [STARTED, *steps(500)])

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    # root may write anywhere: a folder without the right to would let this pass
    monkeypatch.setattr(journal_index, "replace_file", refuse)
    state, _, _ = past(path)
    assert state == whole(path)
    assert not index_path(path).exists()


def test_a_missing_journal_has_no_past(path: Path) -> None:
    state, count, _ = past(path)
    assert (state, count) == (RunState(), 0)


def test_matrices_with_a_picture_are_in_the_log_and_kept() -> None:
    plain, drawn = (TICKS[-1], TURNS[4])
    lines = [
        encode_line(make(n)).rstrip()
        for n, make in enumerate((plain, drawn, plain, drawn, plain, plain, drawn))
    ]
    assert compact(b"\n".join(lines)) == [lines[1], lines[3], lines[6]]
    assert compact(b"\n".join(lines[:6])) == [lines[1], lines[3], lines[5]]


def test_from_the_middle_of_a_journal_on(path: Path) -> None:
    written(path, [STARTED, *steps(10)])
    reader = JournalReader(path)
    reader.read()
    written(path, steps(500), seq=11)
    read = History(reader)
    assert [event.seq for events in read.read() for event in events] == [511]
    read.save()
    assert not index_path(path).exists()


def test_the_engine_renews_it_whenever_the_journal_has_grown(path: Path) -> None:
    renewal, sizes, seq = IndexUpdater(path), set(), 1
    renewal.look()
    written(path, [STARTED])
    for _ in range(60):
        written(path, steps(30), seq=seq)
        seq += 30
        renewal.look()
        assert past_state(JournalReader(path)) == whole(path)
        if index_path(path).exists():
            sizes.add(indexed(path))
    assert len(sizes) == path.stat().st_size // 20_000
    assert path.stat().st_size - max(sizes) < 20_000


def indexed(path: Path) -> int:
    """Return for how much of the journal its index stands."""
    read = History(JournalReader(path))
    next(read.lines())
    return read.indexed


def test_the_engine_that_resumes_goes_on_with_the_index(path: Path) -> None:
    written(path, [STARTED, *steps(1000)])
    IndexUpdater(path).look()
    before = index_path(path).stat()
    renewal = IndexUpdater(path)
    written(path, [msgspec.structs.replace(STARTED, attempt=2, resumed_epoch=1), *steps(20)], seq=1001)
    renewal.look()
    assert index_path(path).stat().st_ino == before.st_ino
    written(path, steps(200), seq=1022)
    renewal.look()
    assert indexed(path) == path.stat().st_size
    assert past_state(JournalReader(path)) == whole(path)


def test_a_torn_tail_and_a_power_cut_that_took_more(path: Path) -> None:
    written(path, [STARTED, *steps(500)])
    with path.open("ab") as file:
        file.write(encode_line(RunWarning(message="torn"))[:-9])
    IndexUpdater(path).look()
    assert indexed(path) == path.read_bytes().rfind(b"\n") + 1
    JournalWriter(path).append(RunWarning(message="after"))
    assert past_state(JournalReader(path)) == whole(path)
    kept = path.read_bytes().splitlines(keepends=True)[:300]  # ticks are not synced, the index is
    path.write_bytes(b"".join(kept))
    written(path, [TICKS[0](-n) for n in range(400)], seq=300)
    assert past_state(JournalReader(path)) == whole(path)
    IndexUpdater(path).look()
    assert indexed(path) == path.stat().st_size


def test_where_it_is_not_worth_it_it_is_seldom_tried(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    read = History.lines
    monkeypatch.setattr(History, "lines", lambda past: reads.append(1) or read(past))
    renewal = IndexUpdater(path)
    for number in range(400):
        written(path, [RunWarning(message="x" * 1000)], seq=number)
        renewal.look()
    assert not index_path(path).exists()
    assert 4 <= len(reads) <= 6  # at 20 kB, and whenever it has doubled since


def write_on(path: Path) -> None:
    writer, renewal = JournalWriter(path), IndexUpdater(path)
    number = 0
    while True:
        number += 1
        writer.append((TURNS[0] if number % 50 == 0 else TICKS[0])(number))
        if number % 10 == 0:
            renewal.look()


def test_killed_at_any_moment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_index, "_WORTH", 2_000)
    chance = random.Random(3)
    written(path, [STARTED])
    for _ in range(20):
        process = multiprocessing.get_context("fork").Process(target=write_on, args=(path,))
        process.start()
        time.sleep(chance.uniform(0.02, 0.12))
        process.kill()
        process.join()
        assert past_state(JournalReader(path)) == whole(path)
    assert path.stat().st_size - indexed(path) < path.stat().st_size / 2
