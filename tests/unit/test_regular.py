"""What may lie in a file's place: read or written only if it is a file, and never waited for."""

import fcntl
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.core.files import (
    UnfitFileError,
    check_own,
    open_own,
    open_regular,
    read_regular,
    replace_file,
    write_synced,
)

pytestmark = pytest.mark.timeout(20)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


STRANGE: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a socket": _socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to a file": lambda path: path.symlink_to("precious"),
    "a link to nothing": lambda path: path.symlink_to("absent"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "precious").write_bytes(b"precious")
    monkeypatch.chdir(tmp_path)  # a socket's name is short
    return Path("file")


@pytest.mark.parametrize("what", STRANGE)
def test_only_a_file_is_read(path: Path, what: str) -> None:
    STRANGE[what](path)
    if what == "a link to a file":
        assert read_regular(path, 8) == b"precious"
    else:
        with pytest.raises(OSError):  # noqa: PT011
            open_regular(path)
    if "link" in what:
        with pytest.raises(OSError, match="symbolic links"):
            open_regular(path, follow=False)


def test_the_reason_is_in_words(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(UnfitFileError) as caught:
        open_regular(path)
    assert str(caught.value) == "it is no regular file"
    assert caught.value.filename == "file"


def test_no_more_than_was_asked_for(path: Path) -> None:
    assert read_regular(Path("precious"), 8) == b"precious"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UnfitFileError, match="it has more than 1,000 bytes"):
        read_regular(path, 1000)
    # Of no size, as the system says, and yet it has content.
    assert len(read_regular(Path("/proc/self/status"), 10)) == 10


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("flags", [os.O_RDWR, os.O_WRONLY | os.O_APPEND])
def test_only_a_file_of_its_own_is_written(path: Path, what: str, flags: int) -> None:
    STRANGE[what](path)
    before = sorted(Path().iterdir())
    words = "file is (a link|no regular file).*(put the file in its place|remove it)"
    with pytest.raises(UserError, match=words):
        open_own(path, flags)
    with pytest.raises(UserError, match=words):
        check_own(path)
    assert sorted(Path().iterdir()) == before
    assert Path("precious").read_bytes() == b"precious"


def test_its_own_is_made_and_kept(path: Path) -> None:
    check_own(path)
    for word in (b"one", b"two"):
        fd = open_own(path, os.O_WRONLY | os.O_APPEND)
        os.write(fd, word)
        os.close(fd)
        check_own(path)
    assert path.read_bytes() == b"onetwo"
    with pytest.raises(FileNotFoundError):
        open_own(Path("absent/file"), os.O_RDWR)


@pytest.mark.parametrize("what", [what for what in STRANGE if what != "a folder"])
def test_what_has_the_name_of_a_new_file_makes_way(path: Path, what: str) -> None:
    STRANGE[what](path)
    write_synced(path, b"new")
    assert not path.is_symlink()
    assert path.read_bytes() == b"new"
    assert Path("precious").read_bytes() == b"precious"


def test_a_temporary_file_is_not_written_through_a_link(path: Path) -> None:
    path.write_bytes(b"old")
    Path(f".file.{os.getpid()}.tmp").symlink_to("precious")
    replace_file(path, b"new")
    assert not path.is_symlink()
    assert path.read_bytes() == b"new"
    assert Path("precious").read_bytes() == b"precious"
    assert sorted(map(str, Path().iterdir())) == ["file", "precious"]


def test_a_folder_of_that_name_is_no_way(path: Path) -> None:
    path.mkdir()
    with pytest.raises(OSError, match="file"):
        write_synced(path, b"new")
    assert path.is_dir()


@pytest.mark.skipif(not hasattr(fcntl, "F_SETLEASE"), reason="leases are Linux's")
def test_a_file_that_is_lent_to_another_is_waited_for(path: Path) -> None:
    """As a file server lends to a client a file that a run on the server opens."""
    path.write_bytes(b"lent")
    fd = os.open(path, os.O_RDONLY)
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # how the system asks for it back
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        with pytest.raises(BlockingIOError):
            os.open(path, os.O_RDWR | os.O_NONBLOCK)
        given_back = threading.Timer(0.3, fcntl.fcntl, (fd, fcntl.F_SETLEASE, fcntl.F_UNLCK))
        given_back.start()
        os.close(open_own(path, os.O_RDWR))
        given_back.join()
    finally:
        os.close(fd)
        signal.signal(signal.SIGIO, signal.SIG_DFL)
