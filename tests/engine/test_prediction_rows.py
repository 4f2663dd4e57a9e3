"""The rows of a prediction: whose image has one, its name, and the label of an image that can't be read."""

from pathlib import Path

import pytest
import torch

from engine.training.predict import Predictions, Row, Unreadable, rows_of, shared_names

ROOT = Path("/data/test")
PATHS = [ROOT / name for name in ("a.jpg", "a.png", "owl/b.jpg", "owl/c.jpg")]
CLASSES = ["cat", "dog", "owl"]
# c.jpg is named before a.jpg, as images arrive in any order; a.png couldn't be read.
FOUND = Predictions(
    [PATHS[3], PATHS[0], PATHS[2]], torch.tensor([[0.1, 0.1, 0.8], [0.7, 0.2, 0.1], [0.0, 0.1, 0.9]])
)


@pytest.mark.parametrize(
    ("unreadable", "instead"),
    [("skip", []), ("blank", [Row("a.png", "", None)]), ("majority", [Row("a.png", "owl", None)])],
)
def test_an_image_that_cannot_be_read(unreadable: Unreadable, instead: list[Row]) -> None:
    assert rows_of(FOUND, PATHS, ROOT, CLASSES, unreadable) == [
        Row("a.jpg", "cat", 1), *instead, Row("owl/b", "owl", 2), Row("owl/c", "owl", 0),
    ]  # fmt: skip


def test_of_equal_majorities_the_first_class(tmp_path: Path) -> None:
    found = Predictions(PATHS[:2], torch.tensor([[0.0, 0.1, 0.9], [0.7, 0.2, 0.1]]))
    assert [row.label for row in rows_of(found, PATHS, ROOT, CLASSES, "majority")] == [
        "owl",
        "cat",
        "cat",
        "cat",
    ]


def test_names_that_two_would_share_are_said() -> None:
    assert shared_names(PATHS, ROOT) == (
        "2 images differ from another in their suffix only, so their rows keep it: a.jpg, a.png"
    )
    assert not shared_names(PATHS[1:], ROOT)
