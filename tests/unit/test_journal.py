"""The journal: whole lines only, whatever tore the last one; several readers; events of other versions."""

import multiprocessing
import os
import resource
import threading
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.journal.events import (
    EpochStarted,
    OutlierRestored,
    Paused,
    RunWarning,
    Step,
    UnknownEvent,
    decode_line,
    encode_line,
)
from engine.journal.log import JournalReader, JournalWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def warnings(count: int, path: Path) -> None:
    writer = JournalWriter(path)
    for number in range(count):
        writer.append(RunWarning(message=str(number)))
    writer.close()


def test_events_are_numbered_and_timed(path: Path) -> None:
    writer = JournalWriter(path)
    first = writer.append(Paused(epoch=1, step=2))
    second = writer.append(RunWarning(message="ä\n"))
    assert (first.seq, second.seq) == (1, 2)
    assert 0 < first.t <= second.t
    assert JournalReader(path).read() == [first, second]
    assert path.read_bytes().startswith(b'{"type":"paused","epoch":1,"step":2,"seq":1,')


def test_a_missing_journal_has_no_events_yet(path: Path) -> None:
    reader = JournalReader(path)
    assert reader.read() == []
    warnings(1, path)
    assert len(reader.read()) == 1


@pytest.mark.parametrize("torn", [b"{", b'{"type":"warn', b"\x00" * 100, b"\xff\xfe", b"x" * 3_000_000])
def test_a_torn_last_line_is_repaired_and_numbers_go_on(path: Path, torn: bytes) -> None:
    warnings(3, path)
    with path.open("ab") as file:
        file.write(torn)
    reader = JournalReader(path)
    assert [event.seq for event in reader.read()] == [1, 2, 3]
    writer = JournalWriter(path)
    assert writer.append(RunWarning(message="on")).seq == 4
    assert [event.seq for event in reader.read()] == [4]
    assert reader.damaged == 0
    assert path.read_bytes().count(b"\n") == 4


def test_a_journal_that_is_nothing_but_torn(path: Path) -> None:
    path.write_bytes(b'{"type":"wa')
    assert JournalWriter(path).append(RunWarning(message="")).seq == 1
    assert len(JournalReader(path).read()) == 1


def test_numbers_go_on_after_a_damaged_last_line(path: Path) -> None:
    warnings(3, path)
    with path.open("ab") as file:
        file.write(b"garbage\n")
    assert JournalWriter(path).append(RunWarning(message="")).seq > 3


def test_damaged_lines_are_counted_and_skipped(path: Path) -> None:
    warnings(2, path)
    whole = path.read_bytes()
    path.write_bytes(b"\n[]\nnull\n" + b"\xff\n" + b"[" * 100_000 + b"\n" + whole)
    reader = JournalReader(path)
    assert [event.seq for event in reader.read()] == [1, 2]
    assert reader.damaged == 5


def test_events_of_another_version() -> None:
    assert decode_line(b'{"type":"telepathy","seq":7,"t":1.5,"x":[]}') == UnknownEvent(seq=7, t=1.5)
    more = encode_line(Paused(seq=3, t=1.0, epoch=1, step=2)).replace(b'"step"', b'"mood":"fine","step"')
    assert decode_line(more) == Paused(seq=3, t=1.0, epoch=1, step=2)
    assert decode_line(b'{"type":"paused","seq":3,"t":1}') == UnknownEvent(seq=3, t=1.0)
    assert decode_line(b'{"type":"paused"}') is None


def test_half_a_line_is_left_for_the_next_read(path: Path) -> None:
    line = encode_line(RunWarning(seq=1, message="whole"))
    reader = JournalReader(path)
    path.write_bytes(line[:10])
    assert reader.read() == []
    path.write_bytes(line)
    assert [event.seq for event in reader.read()] == [1]
    assert reader.read() == []


def test_two_readers_see_the_same(path: Path) -> None:
    one, other = JournalReader(path), JournalReader(path)
    warnings(5, path)
    first = one.read()
    warnings(5, path)
    assert first + one.read() == other.read()


def test_a_limit_divides_the_reading(path: Path) -> None:
    message = "x" * 100_000
    writer = JournalWriter(path)
    for _ in range(40):
        writer.append(RunWarning(message=message))
    reader = JournalReader(path)
    parts = []
    while events := reader.read(limit=1):
        parts.append(len(events))
    assert sum(parts) == 40
    assert len(parts) > 1


def test_a_line_longer_than_a_chunk(path: Path) -> None:
    writer = JournalWriter(path)
    writer.append(RunWarning(message="x" * 5_000_000))
    writer.append(RunWarning(message="after"))
    assert len(JournalReader(path).read()) == 2
    assert JournalWriter(path).append(RunWarning(message="")).seq == 3


def test_lines_longer_than_what_is_read_at_once(path: Path) -> None:
    lengths = [10, 300_000, 10, 4 << 20, 300_000, 9 << 20, 10]
    with path.open("wb") as file:
        for seq, length in enumerate(lengths, start=1):
            file.write(encode_line(RunWarning(seq=seq, message="x" * length)))
    reader = JournalReader(path)
    events = reader.read()
    assert [(event.seq, len(event.message)) for event in events if isinstance(event, RunWarning)] == list(
        enumerate(lengths, start=1)
    )
    assert (reader.damaged, reader.offset) == (0, path.stat().st_size)


def test_a_line_that_never_ends_is_passed_over(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"\0" * (40 << 20) + b"\n" + encode_line(RunWarning(seq=1, message="after")))
    reader = JournalReader(path)
    assert [event.seq for event in reader.read()] == [1]
    assert reader.damaged > 0


def test_thousands_of_outliers_are_synced_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = [], os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(path.stat().st_size) or sync(fd))
    writer = JournalWriter(path)
    for number in range(100):
        writer.append(OutlierRestored(class_name="cat", path=str(number)))
    assert synced == []
    writer.append(RunWarning(message="an answer"))
    assert synced == [path.stat().st_size]
    writer.append(OutlierRestored(class_name="cat", path="more"))
    writer.close()
    assert synced[1:] == [path.stat().st_size]


def test_threads_write_whole_lines_in_order(path: Path) -> None:
    writer = JournalWriter(path)

    def work() -> None:
        for number in range(200):
            writer.append(Step(epoch=1, step=number, steps=1, loss=1, train_acc=1, images_per_s=1, eta=None))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.seq for event in JournalReader(path).read()] == list(range(1, 801))


def test_following_while_another_process_writes(path: Path) -> None:
    writer = multiprocessing.get_context("spawn").Process(target=warnings, args=(2000, path))
    reader, seen = JournalReader(path), []
    writer.start()
    while writer.is_alive():
        seen += [event.seq for event in reader.read()]
    writer.join()
    seen += [event.seq for event in reader.read()]
    assert writer.exitcode == 0
    assert seen == list(range(1, 2001))
    assert reader.damaged == 0


def test_a_hundred_thousand_events(path: Path) -> None:
    with path.open("wb") as file:
        for number in range(1, 100_001):
            file.write(encode_line(EpochStarted(seq=number, epoch=number, epochs=1, lr=1, steps=1)))
    assert len(JournalReader(path).read()) == 100_000
    assert JournalWriter(path).append(RunWarning(message="")).seq == 100_001


def test_a_full_disk_is_an_error_for_the_writer(path: Path) -> None:
    writer = JournalWriter(path)
    writer.append(RunWarning(message=""))
    size, limits = path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="No space left"):
            writer.append(RunWarning(message=""))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.stat().st_size == size
    assert writer.append(RunWarning(message="")).seq == 2


@pytest.mark.timeout(20)
def test_a_pipe_in_its_place_blocks_nobody(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(OSError, match="no regular file"):
        JournalReader(path).read()
    with pytest.raises(UserError, match=r"events\.jsonl is no regular file; remove it"):
        JournalWriter(path)


def test_a_link_in_its_place_is_not_written_through(path: Path) -> None:
    precious = path.with_name("precious")
    precious.write_text("precious, without a newline")
    path.symlink_to(precious)
    with pytest.raises(UserError, match=r"events\.jsonl is a link"):
        JournalWriter(path)
    assert precious.read_text() == "precious, without a newline"
