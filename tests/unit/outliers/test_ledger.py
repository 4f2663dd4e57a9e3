"""outliers.csv: one row an image, whatever its name, that a spreadsheet shows and doesn't run."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.table import escape, unescape
from engine.core.text import encodable
from engine.journal.events import OutlierExcluded, OutlierRestored
from engine.outliers.files.ledger import write_ledger

HEADER = "class,path,error,threshold,action,time,sha256,looks_like"
NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20) | st.sampled_from(
    [
        "=cmd|'/C calc'!A0",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "a\udcff",
        'q"u,o;te',
        "two\nlines",
        "a\rb",
        "'x",
    ]
)


def excluded(
    path: str, *, action: str = "quarantine", t: float = 1e9, looks_like: str = "dog"
) -> OutlierExcluded:
    return OutlierExcluded(
        class_name="cat",
        path=path,
        error=2.5,
        threshold=1.5,
        action=action,
        sha256="ab",
        looks_like=looks_like,
        t=t,
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_for_each_image(tmp_path: Path) -> None:
    path = tmp_path / "outliers.csv"
    changes: list[OutlierExcluded | OutlierRestored] = [
        excluded("/photos/train/cat/1.jpg"),
        excluded("/photos/train/cat/2.jpg", looks_like=""),
        OutlierRestored(class_name="cat", path="/photos/train/cat/1.jpg", t=1e9 + 60),
        excluded("/photos/train/cat/3.jpg", action="delete"),
        OutlierRestored(class_name="cat", path="/photos/train/cat/3.jpg", t=1e9 + 90),
        excluded("/photos/train/cat/3.jpg", action="exclude", t=1e9 + 120),
    ]
    write_ledger(path, changes)
    assert path.read_text().splitlines() == [
        HEADER,
        "cat,/photos/train/cat/1.jpg,2.5,1.5,restored,2001-09-09T01:47:40+00:00,ab,dog",
        "cat,/photos/train/cat/2.jpg,2.5,1.5,quarantine,2001-09-09T01:46:40+00:00,ab,",
        "cat,/photos/train/cat/3.jpg,2.5,1.5,exclude,2001-09-09T01:48:40+00:00,ab,dog",
    ]
    write_ledger(path, changes[:1])
    assert len(rows(path)) == 1


def test_nothing_left_out(tmp_path: Path) -> None:
    write_ledger(tmp_path / "outliers.csv", [])
    assert (tmp_path / "outliers.csv").read_text() == HEADER + "\n"


@given(names=st.lists(NAMES, min_size=1, max_size=5, unique=True))
def test_every_name_is_read_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    path = tmp_path_factory.mktemp("ledger") / "outliers.csv"
    write_ledger(path, [excluded(name, looks_like=name) for name in names])
    read = rows(path)
    wanted = [encodable(name) for name in names]
    assert [unescape(row["path"]) for row in read] == [unescape(row["looks_like"]) for row in read] == wanted
    assert all(
        not value.startswith(("=", "+", "-", "@", "\t", "\r")) for row in read for value in row.values()
    )
    assert all(row["time"] == "2001-09-09T01:46:40+00:00" for row in read)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("/photos/train/cat/1.jpg", "/photos/train/cat/1.jpg"),
        ("=1+1", "'=1+1"),
        ("-ä", "'-ä"),
        ("a=1", "a=1"),
        ("", ""),
        ("'=1", "''=1"),
    ],
)
def test_a_cell(text: str, cell: str) -> None:
    assert escape(text) == cell
    assert unescape(cell) == text
