"""Names that a spreadsheet would run: marked as text in files for people, untouched in the one that graders read."""

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from engine.analysis.compare import RunSummary, compare
from engine.analysis.compare_tables import as_csv
from engine.analysis.confusion import read_matrix, write_matrix
from engine.analysis.predictions import Judged, Predicted, read_judged, read_prediction, write_judged
from engine.core.table import escape, unescape
from engine.journal.events import EpochEnded, OutlierExcluded
from engine.journal.state import SteeringHistory
from engine.outliers.files.ledger import write_ledger
from engine.training.predict import Predictions, rows_of, write_prediction, write_shares
from tui.cli.outliers.found import Found

NAMES = [
    "=cmd|'/C calc'!A0", "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1",
    "'=1", "''", "'", "a,=1", 'a"=1', "=HYPERLINK(\"http://x\",\"y\")", "plain", "0", "a=1", "ä", " =1",
]  # fmt: skip
RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def assert_safe(rows: Iterable[list[str]]) -> None:
    for row in rows:
        for cell in row:
            assert not cell.startswith(RUN), row


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_back(name: str) -> None:
    assert unescape(escape(name)) == name
    assert not escape(name).startswith(RUN)
    assert (escape(name) == name) == (not name.startswith((*RUN, "'")))


def test_files_for_people(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    judged = [Judged(name, name, "plain", 0.5) for name in NAMES]
    write_judged(path, judged)
    assert_safe(cells(path))
    assert read_judged(path) == judged

    found = [(0, number, 3) for number in range(len(NAMES))]
    write_matrix(path, found, NAMES)
    assert_safe(cells(path))
    assert read_matrix(path) == (found, NAMES)

    left_out = [
        OutlierExcluded(
            class_name=name, path=name, error=2.0, threshold=1.0, action="exclude", looks_like=name
        )
        for name in NAMES
    ]
    write_ledger(path, left_out)
    assert_safe(cells(path))
    assert [unescape(row[0]) for row in cells(path)[1:]] == NAMES

    scan = Found("embedding")
    for name in NAMES:
        scan.add(
            {
                "class": name, "files": [name], "errors": [2.0], "flagged": [0], "looks_like": [name], "threshold": 1.0,
                "first_threshold": 1.0, "largest_val_error": 0.0, "relaxed": False, "note": "",
            }
        )  # fmt: skip
    scan.write_csv(path)
    assert_safe(cells(path))
    assert [unescape(row[1]) for row in cells(path)[1:]] == NAMES


def test_a_comparison(tmp_path: Path) -> None:
    epoch = EpochEnded(
        epoch=1, images_per_s=1.0, lr=0.1, train_acc=50.0, train_loss=1.0, val_acc=50.0, val_loss=1.0, seconds=1.0,
        best=50.0, best_epoch=1, new_best=True, counter=0, epochs_to_stop=3, patience=3, next_lr=0.1,
    )  # fmt: skip
    runs = [
        RunSummary(
            path=tmp_path, name=name, status="finished", model=name, data=name, planned=2, monitor="val_acc",
            best_epoch=1, epochs=(epoch,), val_images=10, recipe={}, steered=SteeringHistory(), answers={},
            why_no_answers="", test=None, test_answers={}, why_no_test_answers="",
        )
        for name in NAMES[:12]
    ]  # fmt: skip
    path = tmp_path / "table.csv"
    path.write_bytes(as_csv(compare(runs)).encode())
    assert_safe(cells(path))
    assert [unescape(row[0]) for row in cells(path)[1:]] == NAMES[:12]


def test_a_prediction_for_graders_and_one_for_people(tmp_path: Path) -> None:
    stems = [name for name in NAMES if "/" not in name]
    found = Predictions([Path(f"{stem}.jpg") for stem in stems], torch.eye(len(stems)))
    path, shares = tmp_path / "prediction.csv", tmp_path / "prediction_probabilities.csv"
    rows = rows_of(found, found.paths, Path(), stems, "skip")
    assert write_prediction(path, rows) == len(stems)
    write_shares(shares, rows, found, stems)
    order = stems
    assert cells(path) == [["image_name", "pred_label"], *([stem, stem] for stem in order)]
    assert read_prediction(path).rows == [Predicted(stem, stem, None) for stem in order]
    assert_safe(cells(shares))
    assert read_prediction(shares).rows == [Predicted(stem, stem, 1.0) for stem in order]
    assert read_prediction(shares).classes == stems


def test_the_report_s_own_bytes(tmp_path: Path) -> None:
    path = tmp_path / "prediction.csv"
    paths = [Path("test/-1.jpg"), Path("test/10.jpg"), Path("test/2.jpg")]
    found = Predictions(paths, torch.tensor([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]]))
    write_prediction(path, rows_of(found, paths, Path("test"), ["0", "99", "=1+1"], "skip"))
    assert path.read_bytes() == b"image_name,pred_label\n-1,=1+1\n10,0\n2,99\n"
