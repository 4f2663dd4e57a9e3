"""The interval of an accuracy, against published values and in old journals."""

import pytest

from engine.analysis.stats import wilson
from engine.journal.events import EpochEnded, decode_line, encode_line


@pytest.mark.parametrize(
    ("correct", "seen", "low", "high"),
    [(0, 10, 0.0, 27.7533), (8, 10, 49.0162, 94.3318), (10, 10, 72.2467, 100.0), (1, 1, 20.6549, 100.0)],
)
def test_known_values(correct: int, seen: int, low: float, high: float) -> None:
    assert wilson(correct, seen) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_it_is_symmetric_holds_the_share_and_narrows() -> None:
    for seen in (1, 3, 300, 10**9):
        for correct in {0, 1, seen // 3, seen}:
            low, high = wilson(correct, seen)
            assert 0 <= low <= 100 * correct / seen <= high <= 100
            assert wilson(seen - correct, seen) == (pytest.approx(100 - high), pytest.approx(100 - low))
    assert wilson(2730, 3000)[0] > wilson(273, 300)[0]


@pytest.mark.parametrize(("correct", "seen"), [(0, 0), (-1, 3), (4, 3)])
def test_no_share(correct: int, seen: int) -> None:
    with pytest.raises(ValueError, match=f"{correct} of {seen}"):
        wilson(correct, seen)


def test_a_journal_of_an_older_version_has_no_interval() -> None:
    event = EpochEnded(
        epoch=1, lr=0.1, train_acc=50, train_loss=1, val_acc=80, val_loss=1, new_best=True, best=80,
        best_epoch=1, counter=0, patience=12, epochs_to_stop=12, next_lr=0.1, images_per_s=1, seconds=1,
        val_acc_low=49, val_acc_high=94,
    )  # fmt: skip
    assert decode_line(encode_line(event)) == event
    line = encode_line(event).replace(b',"val_acc_low":49', b"").replace(b',"val_acc_high":94', b"")
    old = decode_line(line.replace(b',"val_acc_low":49.0', b"").replace(b',"val_acc_high":94.0', b""))
    assert isinstance(old, EpochEnded)
    assert (old.val_acc_low, old.val_acc_high) == (None, None)
