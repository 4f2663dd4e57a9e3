"""The filter of runs and their order."""

from pathlib import Path

import msgspec
import pytest

from engine.core.errors import UserError
from engine.run.directory import RunDir
from engine.run.labels import Labels
from engine.run.overview import Overview
from tui.run_fields import FIELDS, sort_rows
from tui.run_filter import parse_filter
from tui.run_rows import RunRow

FACTS = Overview(
    status="finished", model="resnet18", data="/data/photos", host="node7", monitor="val_acc", epoch=12,
    epochs=30, best=91.25, best_epoch=9, lr=1e-4, started=1_800_000_000.0, updated=1_800_005_400.0,
)  # fmt: skip
ROW = RunRow(
    RunDir(Path("r/sweep/[a]")), "sweep/[a]", 5.0, FACTS, Labels(("final", "seed1"), "frogs look odd")
)
UNREAD = ROW._replace(name="unread", facts=None, labels=Labels())


@pytest.mark.parametrize(
    "text",
    [
        "", "resnet", "RESNET photos", "final node7", "sweep", "finished", "best>91", "best>=91.25", "best=91.25",
        "best>90%", "epoch<13", "epochs:30", "lr<=1e-4", "model:resnet*", "model:res?et18", "model:net",
        "state:finished", "tag:final", "tags:seed1", "tag:s*1", "status=finished", "note:frogs", "name:[a]",
        "name:*[a]", "duration=90m", "duration>1h", "duration<1d", "duration>5000", "started>2027-01-01",
        "started<2027-01-31T10:00", "best>90 model:resnet* state:finished tag:final",
    ],
)  # fmt: skip
def test_passes(text: str) -> None:
    assert parse_filter(text)(ROW)


@pytest.mark.parametrize(
    "text",
    [
        "vgg", "resnet vgg", "odd", "best>91.25", "model:resnet?", "tag:final seed2", "tag:final*1",
        "state:run*", "epoch>12", "lr>1", "started>2028-01-01", "duration>2h",
    ],
)  # fmt: skip
def test_does_not_pass(text: str) -> None:
    assert not parse_filter(text)(ROW)


def test_what_is_not_known_passes_no_condition() -> None:
    for text in ("best>0", "best<1000", "model:r*", "duration>0"):
        assert not parse_filter(text)(UNREAD)
    assert parse_filter("unread")(UNREAD)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("bset>90", "no column bset; did you mean best?"),
        ("xyzzy:1", "there are state, name"),
        ("best>", "best> what? a number, such as best>90"),
        ("best>high", "best can't be high"),
        ("model>3", "model is text"),
        ("duration>3w", "such as duration>90s"),
        ("started>yesterday", "such as started>2026-01-31"),
        ("model:", "model: what?"),
    ],
)
def test_a_wrong_filter_says_so(text: str, word: str) -> None:
    with pytest.raises(UserError) as raised:
        parse_filter(f"fine {text}")
    assert word in str(raised.value)


def test_sorted_by_each_column_the_unknown_last() -> None:
    other = ROW._replace(name="b", created=6.0, facts=Overview(status="failed", best=12.0, epoch=1))
    for field in FIELDS:
        for descending in (False, True):
            assert len(sort_rows([UNREAD, ROW, other], field, descending=descending)) == 3
    assert sort_rows([UNREAD, other, ROW], "best", descending=True) == [ROW, other, UNREAD]
    assert sort_rows([UNREAD, other, ROW], "best", descending=False) == [other, ROW, UNREAD]
    assert sort_rows([ROW, other], "name", descending=False) == [other, ROW]


def test_percents_and_losses_are_sorted_apart_the_best_of_each_first() -> None:
    scores = [("val_loss", 0.9), ("val_acc", 92.0), ("val_loss", 0.1), ("val_acc", 0.5), ("val_loss", 0.0)]
    rows = [
        ROW._replace(name=str(best), facts=msgspec.structs.replace(FACTS, monitor=monitor, best=best))
        for monitor, best in scores
    ]
    order = ["92.0", "0.5", "0.0", "0.1", "0.9"]
    assert [row.name for row in sort_rows([UNREAD, *rows], "best", descending=True)] == [*order, "unread"]
    assert [row.name for row in sort_rows([UNREAD, *rows], "best", descending=False)] == [
        *reversed(order),
        "unread",
    ]


def test_equal_ones_are_newest_first() -> None:
    newer = ROW._replace(name="newer", created=9.0)
    for descending in (False, True):
        assert sort_rows([ROW, newer], "best", descending=descending) == [newer, ROW]
