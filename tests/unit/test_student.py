"""Student's t against printed tables; means with their intervals."""

import pytest

from engine.analysis.stats import mean_of, t_quantile


@pytest.mark.parametrize(
    ("degrees", "t"),
    [
        (1, 12.7062),
        (2, 4.3027),
        (3, 3.1824),
        (4, 2.7764),
        (9, 2.2622),
        (10, 2.2281),
        (30, 2.0423),
        (120, 1.9799),
    ],
)
def test_printed_table(degrees: int, t: float) -> None:
    assert t_quantile(degrees) == pytest.approx(t, abs=5e-5)


def test_mean_and_interval() -> None:
    mean = mean_of([80.0, 82.0, 84.0])
    assert mean == (82.0, pytest.approx(77.0317, abs=1e-3), pytest.approx(86.9683, abs=1e-3), 3)
    assert mean_of([7.0, 7.0]) == (7.0, 7.0, 7.0, 2)


def test_too_few() -> None:
    assert mean_of([80.0]) == (80.0, None, None, 1)
    with pytest.raises(ValueError, match="no values"):
        mean_of([])
