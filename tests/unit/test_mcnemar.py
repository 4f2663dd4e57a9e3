"""McNemar's exact test against the binomial distribution, published values, and Holm's own example."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.stats import holm, mcnemar

few = st.integers(0, 60)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (1, 9, 0.021484375), (6, 16, 0.0524788)],
)
def test_known_values(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p, rel=1e-5)


@given(few, few)
def test_it_is_both_tails_of_the_binomial(first: int, second: int) -> None:
    number = first + second
    as_far = [k for k in range(number + 1) if abs(2 * k - number) >= abs(first - second)]
    exact = Fraction(sum(comb(number, k) for k in as_far), 2**number)
    assert mcnemar(first, second) == mcnemar(second, first) == pytest.approx(float(exact), rel=1e-12)


def test_fifty_thousand_images() -> None:
    assert mcnemar(25_000, 25_000) == 1.0
    assert mcnemar(24_000, 26_000) == pytest.approx(3.8574699510318216e-19)
    assert mcnemar(0, 50_000) == 0.0


def test_no_numbers_of_images() -> None:
    with pytest.raises(ValueError, match="must not be negative: -1, 3"):
        mcnemar(-1, 3)


def test_holm() -> None:
    assert holm([]) == []
    assert holm([0.04]) == [0.04]
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_lies_between_none_and_bonferroni(values: list[float]) -> None:
    corrected = holm(values)
    for p, more in zip(values, corrected, strict=True):
        assert p <= more <= min(1.0, len(values) * p)
    by_p = sorted(range(len(values)), key=values.__getitem__)
    assert [corrected[at] for at in by_p] == sorted(corrected)
