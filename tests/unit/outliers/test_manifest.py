"""The manifest: every name comes back as it was; whatever tears it, whole lines stay and go on."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.outliers.files.manifest import Content, Line, Manifest, Owner, Planned, Returned

NAMES = st.binary(min_size=1, max_size=40).map(lambda name: os.fsdecode(name.replace(b"\0", b"0")))
CONTENT = Content("ab" * 32, 3, 1_600_000_000_123_456_789, 7)
LINES: list[Line] = [
    Owner("0123", "/runs/a", "/photos/train"),
    Planned("quarantine", "cat", "a\udcff\n.jpg", CONTENT, 2.5, 1.5, 1e9),
    Planned("delete", "dög", '",;.jpg', CONTENT, 0.1 + 0.2, 1e-300, 1e9),
    Returned("cat", "a\udcff\n.jpg", "restored", 1e9),
]


def planned(class_name: str, file: str) -> Planned:
    return Planned("quarantine", class_name, file, CONTENT, 1.0, 0.5, 2e9)


@given(names=st.lists(st.tuples(NAMES, NAMES), max_size=5), why=NAMES)
def test_every_name_comes_back(
    tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, str]], why: str
) -> None:
    path = tmp_path_factory.mktemp("manifest") / "manifest.jsonl"
    lines: list[Line] = [*(planned(*pair) for pair in names), *(Returned(*pair, why, 1.5) for pair in names)]
    Manifest(path).append(lines[:3])
    Manifest(path).append(lines[3:])
    assert Manifest(path).read() == lines
    assert path.read_bytes().isascii()
    assert path.read_bytes().count(b"\n") == len(lines)


def test_torn_at_every_byte(memory: Path) -> None:
    path = memory / "manifest.jsonl"
    Manifest(path).append(LINES)
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        manifest = Manifest(path)
        kept = LINES[: whole[:size].count(b"\n")]
        assert manifest.read() == kept
        assert manifest.owner() == ("0123" if kept else "")
        manifest.append([planned("dog", "new.jpg")])
        assert manifest.read() == [*kept, planned("dog", "new.jpg")]


@pytest.mark.parametrize("torn", [b"\0" * 5000, b"x" * 3_000_000, b"\xff"])
def test_torn_by_anything(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "manifest.jsonl"
    Manifest(path).append(LINES)
    with path.open("ab") as file:
        file.write(torn)
    Manifest(path).append([planned("dog", "new.jpg")])
    assert Manifest(path).read() == [*LINES, planned("dog", "new.jpg")]


def test_damaged_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    Manifest(path).append(LINES)
    whole = path.read_bytes()
    path.write_bytes(
        b'\n[]\nnull\n\xff\n{"type":"telepathy"}\n{"type":"planned"}\n' + b"[" * 100_000 + b"\n" + whole
    )
    assert Manifest(path).read() == LINES


def test_no_manifest(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "absent" / "manifest.jsonl")
    assert manifest.read() == []
    assert manifest.owner() == ""
    with pytest.raises(FileNotFoundError):
        manifest.append(LINES)


def test_never_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "manifest.jsonl").symlink_to("victim")
    manifest = Manifest(tmp_path / "manifest.jsonl")
    with pytest.raises(OSError, match="symbolic links"):
        manifest.append(LINES)
    with pytest.raises(OSError, match="symbolic links"):
        manifest.read()
    assert (tmp_path / "victim").read_bytes() == b"precious"
