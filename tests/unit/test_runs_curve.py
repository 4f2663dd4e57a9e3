"""The small curve: its shape, in dots and in ASCII."""

import pytest

from tui.widgets.runs_curve import curve


def test_it_climbs_from_corner_to_corner() -> None:
    rows = curve([0.0, 1.0, 2.0, 3.0], 4, 4, ascii=True)
    assert rows == ["   *", "  * ", " *  ", "*   "]


def test_dots_fill_eight_to_a_cell() -> None:
    assert curve([0.0, 3.0], 1, 1, ascii=False) == ["⡸"]


def test_a_level_curve_stays_in_the_middle() -> None:
    assert curve([5.0] * 9, 3, 3, ascii=True) == ["   ", "***", "   "]


def test_of_many_values_a_column_shows_the_greatest() -> None:
    values = [0.0] * 100
    values[50] = 1.0
    rows = curve(values, 10, 2, ascii=True)
    assert rows[0] == "     *    "


@pytest.mark.parametrize("count", [1, 2, 3, 59, 60, 61, 1000])
@pytest.mark.parametrize("ascii", [True, False])
def test_any_number_of_values_fills_the_rows(count: int, ascii: bool) -> None:
    rows = curve([float(number % 7) for number in range(count)], 30, 5, ascii=ascii)
    assert [len(row) for row in rows] == [30] * 5
    assert any(row.strip() for row in rows)
    assert ascii is False or set("".join(rows)) <= {" ", "*"}
