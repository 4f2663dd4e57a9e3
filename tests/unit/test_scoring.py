"""The score of predictions on labelled test images: figures, words, and when a run's state has it."""

import itertools
import random

import msgspec
import pytest
from sklearn.metrics import accuracy_score, f1_score

from engine.analysis.predictions import Judged
from engine.analysis.scoring import macro_f1, score
from engine.analysis.stats import wilson
from engine.journal.events import (
    EpochEnded,
    Event,
    PredictionScored,
    PredictionWritten,
    decode_line,
    encode_line,
)
from engine.journal.state import RunState
from tests.made_comparisons import CLASSES, ended, scored, started


def judged(pairs: list[tuple[str, str]]) -> list[Judged]:
    return [Judged(f"/t/{number}", label, word, 0.5) for number, (label, word) in enumerate(pairs)]


@pytest.mark.parametrize("labels", [CLASSES, CLASSES[:2], CLASSES[:1]], ids=len)
def test_the_figures_are_sklearns(labels: tuple[str, ...]) -> None:
    """Also where the test set has only some of the classes."""
    draw = random.Random(len(labels))
    pairs = [(draw.choice(labels), draw.choice(CLASSES)) for _ in range(40)]
    found = score(judged(pairs), list(CLASSES), epoch=3, predicted=45, labelled=42)
    assert found is not None
    true, predicted = zip(*pairs, strict=True)
    assert found.acc == pytest.approx(100 * accuracy_score(true, predicted))
    assert found.macro_f1 == pytest.approx(100 * f1_score(true, predicted, average="macro", zero_division=0))
    assert (found.acc_low, found.acc_high) == wilson(found.correct, 40)
    assert (found.images, found.unlabelled, found.unread, found.classes) == (40, 5, 2, 3)
    counts = {pair: pairs.count(pair) for pair in itertools.product(CLASSES, CLASSES) if pair in pairs}
    assert {(CLASSES[row], CLASSES[column]): images for row, column, images in found.cells} == counts


def test_no_labels_no_score() -> None:
    assert score([], list(CLASSES), epoch=1, predicted=9, labelled=0) is None
    assert macro_f1([], 3) == 0


@pytest.mark.parametrize(
    ("predicted", "labelled", "aside"),
    [(2, 2, ""), (3, 2, ", 1 without label"), (1202, 3, ", 1,200 without label, 1 can't be read")],
)
def test_words(predicted: int, labelled: int, aside: str) -> None:
    found = score(
        judged([("cat", "cat"), ("dog", "cat")]),
        list(CLASSES),
        epoch=1,
        predicted=predicted,
        labelled=labelled,
    )
    assert found is not None
    figures = "test 50.00 % of 2 labelled images (95 % interval 9.5 to 90.5 %), macro F1 33.33 %"
    assert found.words == figures + aside
    assert decode_line(encode_line(found)) == found


@pytest.mark.parametrize(
    "change", [b'"acc":101.0', b'"acc":-1.0', b'"cells":[[0,3,1]]', b'"cells":[[0,0,-1]]']
)
def test_an_impossible_score_is_skipped(change: bytes) -> None:
    line = encode_line(scored(correct=1, images=2))
    key = change.split(b":")[0]
    start = line.index(key)
    end = line.index(b',"', start)
    assert isinstance(decode_line(line), PredictionScored)
    assert not isinstance(decode_line(line[:start] + change + line[end:]), PredictionScored)


WRITTEN = PredictionWritten(path="prediction.csv", rows=2, epoch=1)
AT_1, AT_2 = scored(correct=1, images=2, epoch=1), scored(correct=1, images=2, epoch=2)


def best(epoch: int, of: int) -> EpochEnded:
    return ended(of, 50.0, best_epoch=epoch)


@pytest.mark.parametrize(
    ("events", "known"),
    [
        ([], False),
        ([best(1, 1), WRITTEN], False),
        ([best(1, 1), WRITTEN, AT_1], True),
        ([best(1, 1), WRITTEN, AT_1, best(1, 2)], True),  # the best weights are the same
        ([best(1, 1), WRITTEN, AT_1, best(2, 2)], False),
        ([best(1, 1), WRITTEN, AT_1, best(2, 2), WRITTEN, AT_2], True),
        ([best(1, 1), WRITTEN, AT_1, WRITTEN], False),  # the labels are gone
        ([best(1, 1), best(2, 2), WRITTEN, AT_2, started("r", 3, resumed_epoch=2), best(2, 2)], False),
        ([best(1, 1), WRITTEN, AT_1, started("r", 3)], False),
        ([best(1, 1), WRITTEN, AT_1, started("r", 3), best(1, 1)], False),
    ],
)
def test_a_runs_state_has_the_score_of_its_best_weights(events: list[Event], known: bool) -> None:
    state = RunState()
    for seq, event in enumerate([started("r", 3), *events], 1):
        state.apply(msgspec.structs.replace(event, seq=seq))  # type: ignore[arg-type]
    assert (state.test is not None) is known
