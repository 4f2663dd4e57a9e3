"""The confusion matrix in figures, and as a file that a picture is drawn of."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.analysis.confusion import (
    Matrix,
    Pair,
    free_stem,
    in_cell,
    judged_cells,
    read_matrix,
    write_matrix,
)
from engine.analysis.predictions import Judged
from engine.core.errors import UserError

# Three classes, the last without images.
CELLS = [(0, 0, 8), (0, 1, 2), (1, 0, 3), (1, 1, 1), (0, 2, 4)]


def test_shares() -> None:
    matrix = Matrix.of(CELLS, 3)
    assert (matrix.images, matrix.wrong) == (18, 9)
    assert matrix.share(0, 1, "counts") == 2
    assert matrix.share(0, 1, "row") == 2 / 14
    assert matrix.share(0, 1, "column") == 2 / 3
    assert matrix.share(2, 0, "row") is None


def test_pairs_by_one_way_and_by_both() -> None:
    matrix = Matrix.of(CELLS, 3)
    assert matrix.pairs(both=False) == [Pair(0, 2, 4, 0), Pair(1, 0, 3, 2), Pair(0, 1, 2, 3)]
    assert matrix.pairs(both=True) == [Pair(1, 0, 3, 2), Pair(0, 2, 4, 0)]
    assert Matrix.of([(0, 1, 2), (1, 0, 2)], 2).pairs(both=True) == [Pair(0, 1, 2, 2)]


def test_rates() -> None:
    first, second, last = Matrix.of(CELLS, 3).rates()
    assert (first.precision, first.recall, first.f1) == (8 / 11, 8 / 14, 16 / 25)
    assert (second.images, second.named) == (4, 3)
    assert (last.precision, last.recall, last.f1) == (0.0, None, 0.0)
    assert Matrix.of([(0, 0, 1)], 2).rates()[1] == (0, 0, None, None, None)


def test_a_damaged_journal_s_cells_are_left_out() -> None:
    assert Matrix.of([(0, 0, 1), (5, 0, 1), (0, -1, 1), (1, 1, -4)], 2).images == 1


def test_the_worst_images_come_first() -> None:
    judged = [
        Judged("a", "cat", "dog", 0.6), Judged("b", "cat", "dog", 0.9), Judged("c", "cat", "cat", 0.9),
        Judged("d", "cat", "cat", 0.4), Judged("e", "gone", "cat", 0.4),
    ]  # fmt: skip
    assert [one.path for one in in_cell(judged, "cat", "dog")] == ["b", "a"]
    assert [one.path for one in in_cell(judged, "cat", "cat")] == ["d", "c"]
    assert judged_cells(judged, ["cat", "dog"]) == [(0, 0, 2), (0, 1, 2)]


def test_a_free_name(tmp_path: Path) -> None:
    assert free_stem(tmp_path, "m", (".csv", ".png")) == "m"
    (tmp_path / "m.png").touch()
    (tmp_path / "m-2.csv").symlink_to("nowhere")
    assert free_stem(tmp_path, "m", (".csv", ".png")) == "m-3"


def test_the_file_comes_back(tmp_path: Path) -> None:
    path, classes = tmp_path / "m.csv", ["=1+1", "a,b", "ü"]
    write_matrix(path, CELLS, classes)
    cells, read = read_matrix(path)
    assert (sorted(cells), read) == (sorted(CELLS), classes)
    assert path.read_text().splitlines()[1] == "'=1+1,8,2,4"


@pytest.mark.parametrize(
    "content", ["", "a,b\n1,2\n", "true \\ predicted,a\na,x\n", "true \\ predicted,a\na,1,1\n"]
)
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "m.csv"
    with pytest.raises(UserError, match=r"m\.csv"):
        read_matrix(path)
    path.write_text(content)
    with pytest.raises(UserError, match=r"m\.csv"):
        read_matrix(path)


def test_the_picture(tmp_path: Path) -> None:
    write_matrix(tmp_path / "m.csv", CELLS, ["cat", "dog", "$x"])

    def draw(source: str) -> "subprocess.CompletedProcess[str]":
        command = [
            sys.executable,
            "-P",
            "-m",
            "engine.tools.confusion",
            source,
            "m.png",
            "--title",
            "r, epoch 3",
        ]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    missing = draw("none.csv")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    drawn = draw("m.csv")
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
