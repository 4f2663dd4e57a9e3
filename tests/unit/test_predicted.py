"""Predictions come back from their files as they were written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.predictions import (
    Predicted,
    beside,
    read_prediction,
    read_shares,
    row_names,
    write_probabilities,
)
from engine.core.errors import UserError
from tui.widgets.prediction_items import arranged, load

names = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)


@given(st.lists(st.tuples(names, st.sampled_from(((0.25, 0.75), (1.0, 0.0)))), max_size=4), names, names)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, tuple[float, float]]],
    first: str,
    second: str,
) -> None:
    path = tmp_path_factory.getbasetemp() / "p.csv"
    labels = [second if shares[1] > shares[0] else first for _, shares in rows]
    cells = [(name, label, shares) for (name, shares), label in zip(rows, labels, strict=True)]
    write_probabilities(path, [*cells, ("unread", first, ())], [first, second])
    found = read_prediction(path)
    assert found.classes == [first, second]
    assert found.rows == [
        *(Predicted(name, label, max(shares)) for name, label, shares in cells),
        Predicted("unread", first, None),
    ]
    assert [read_shares(path, place) for place in found.places] == [*(list(row[2]) for row in cells), []]


def test_labels_alone(tmp_path: Path) -> None:
    path = tmp_path / "prediction.csv"
    path.write_text("image_name,pred_label\n1,cat\n2,-dog\n")
    assert read_prediction(path).rows == [Predicted("1", "cat", None), Predicted("2", "-dog", None)]


@pytest.mark.parametrize(
    "content", ["", "a,b\n", "image_name,pred_label\n1\n", "image_name,pred_label,probability,a\n1,a,x,1\n"]
)
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "p.csv"
    with pytest.raises(UserError, match=r"p\.csv"):
        read_prediction(path)
    path.write_text(content)
    with pytest.raises(UserError, match=r"p\.csv"):
        read_prediction(path)


def test_probabilities_of_another_prediction_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "prediction.csv"
    path.write_text("image_name,pred_label\n1,cat\n")
    assert "no probabilities yet" in load(path, None).note
    write_probabilities(beside(path), [("1", "dog", (0.3, 0.7))], ["cat", "dog"])
    loaded = load(path, None)
    assert "of another prediction" in loaded.note
    assert loaded.rows == [Predicted("1", "cat", None)]
    write_probabilities(beside(path), [("1", "cat", (0.8, 0.2))], ["cat", "dog"])
    assert load(path, None).rows == [Predicted("1", "cat", 0.8)]


def test_files_of_one_name_in_their_order(tmp_path: Path) -> None:
    path, folder = tmp_path / "prediction.csv", tmp_path / "test"
    folder.mkdir()
    for name in ("1.png", "1.jpg", "2.png"):
        (folder / name).touch()
    path.write_text("image_name,pred_label\n1,cat\n1,dog\n2,cat\n3,cat\n")
    assert [Path(file).name for file in load(path, folder).files] == ["1.jpg", "1.png", "2.png", ""]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (["a.jpg", "b.png"], ["a", "b"]),
        (["a.jpg", "a.png", "b.jpg"], ["a.jpg", "a.png", "b"]),
        (["a.JPG", "a.jpg"], ["a.JPG", "a.jpg"]),
        (["cat/a.jpg", "dog/a.jpg", "a.jpg"], ["cat/a", "dog/a", "a"]),
        (["cat/a.jpg", "cat/a.png", "cat/2023/a.jpg"], ["cat/a.jpg", "cat/a.png", "cat/2023/a"]),
        (["a", "a.jpg"], ["a", "a.jpg"]),
        (["a.jpg", "a.jpg.png", "a.png"], ["a.jpg", "a.jpg.png", "a.png"]),
        (["v1.2.jpg", "v1.3.jpg"], ["v1.2", "v1.3"]),
        (["cat.v1/a", "cat.v1/b.jpg"], ["cat.v1/a", "cat.v1/b"]),
    ],
)
def test_names_of_rows(images: list[str], expected: list[str]) -> None:
    assert row_names(images) == expected


def test_rows_of_files_in_folders_and_with_suffixes(tmp_path: Path) -> None:
    path, folder = tmp_path / "prediction.csv", tmp_path / "test"
    (folder / "cat").mkdir(parents=True)
    for name in ("1.png", "1.jpg", "cat/1.png"):
        (folder / name).touch()
    path.write_text("image_name,pred_label\n1.jpg,cat\n1.png,dog\ncat/1,cat\n")
    assert load(path, folder).files == [str(folder / name) for name in ("1.jpg", "1.png", "cat/1.png")]


def test_sorted_and_filtered() -> None:
    rows = [Predicted("a", "cat", 0.9), Predicted("b", "dog", 0.4), Predicted("cat7", "dog", 0.6)]
    assert arranged(rows, "least certain", "") == [1, 2, 0]
    assert arranged(rows, "most certain", "CAT") == [0, 2]
    assert arranged(rows, "class", "class:dog p>50") == [2]
    assert arranged(rows, "name", "p<50%") == [1]
    with pytest.raises(UserError, match="percentage"):
        arranged(rows, "name", "p<")
