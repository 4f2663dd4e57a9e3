"""The parts of the full plot: smoothing, scales, spans, the canvas, thinning."""

import math
import time

import made_runs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.journal.state import RunState
from tui.widgets.look import ASCII, UNICODE, VAL
from tui.widgets.plot_canvas import Canvas
from tui.widgets.plot_chart import Wanted, chart
from tui.widgets.plot_scale import epoch_ticks, linear, logarithmic
from tui.widgets.plot_smooth import smooth
from tui.widgets.plot_span import panned, widest, zoomed
from tui.widgets.plot_spark import spark

values = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=50)


def test_smoothing_is_tensorboards() -> None:
    """By hand, with weight 0.5: means 1, (0.5 + 1) / 0.75, and (0.25 + 0.5 + 2) ... each over 1 - 0.5**n."""
    assert smooth([1.0, 2.0, 4.0], 0.5) == pytest.approx([1.0, 1.25 / 0.75, 2.625 / 0.875])


def test_smoothing_leaves_out_what_is_no_number() -> None:
    out = smooth([1.0, math.nan, 1.0], 0.9)
    assert math.isnan(out[1])
    assert out[2] == pytest.approx(1.0)


@given(values, st.floats(0.0, 0.99))
def test_smoothing_stays_between_the_least_and_the_greatest(own: list[float], weight: float) -> None:
    assert all(min(own) * (1 - 1e-9) <= one <= max(own) * (1 + 1e-9) for one in smooth(own, weight))


@given(values, st.integers(2, 60))
def test_a_scale_holds_all_values_and_its_ticks(own: list[float], rows: int) -> None:
    for scale in (linear(own, rows), logarithmic(own, rows)):
        assert scale.low < scale.high
        assert all(-1e-9 <= scale.place(value) <= 1 + 1e-9 for value in (*own, *scale.ticks))


def test_percents_end_at_a_hundred() -> None:
    scale = linear([99.5, 100.0], 10, floor=0.0, ceiling=100.0)
    assert scale.high == 100.0
    assert scale.place(100.0) == 1.0


def test_a_logarithm_has_no_zero() -> None:
    assert logarithmic([0.1, 1.0], 10).place(0.0) < 0


@given(st.integers(1, 5000), st.integers(2, 20000), st.integers(20, 200))
def test_epoch_ticks_keep_apart(first: int, more: int, width: int) -> None:
    ticks = epoch_ticks(first, first + more, width)
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= width // 10 + 3
    assert all(first <= tick <= first + more for tick in ticks)


def test_zooming_in_and_out_again() -> None:
    whole = widest(1, 100, recent=False)
    near = zoomed(whole, whole, 0.5, 80.0)
    assert near is not None
    assert near[1] - near[0] == pytest.approx(49.5)
    assert (80 - near[0]) / 49.5 == pytest.approx((80 - 1) / 99)
    assert panned(near, whole, 1000.0) == pytest.approx((50.5, 100.0))
    assert zoomed(near, whole, 4.0, 80.0) is None
    assert widest(1, 100, recent=True) == (51.0, 100.0)


def test_a_line_has_no_gaps() -> None:
    for glyphs in (UNICODE, ASCII):
        canvas = Canvas(10, 6, glyphs)
        canvas.line((0, 0), (canvas.columns - 1, canvas.levels - 1), VAL)
        rows = [row.plain for row in canvas.rows()]
        assert all(row.strip() for row in rows)
        assert all(any(row[column] != " " for row in rows) for column in range(10))
        assert all(row.cell_len == 10 for row in canvas.rows())


def test_what_is_outside_the_canvas_is_not_drawn() -> None:
    canvas = Canvas(4, 2, UNICODE)
    canvas.line((-5, -100), (-1, 300), VAL)
    canvas.put(9, 0, "x", VAL)
    assert not "".join(row.plain for row in canvas.rows()).strip()


def test_sparks() -> None:
    assert spark([0, 50, 100, None], 0, 100, 6, UNICODE) == "  ▁▅█ "
    assert spark([0, 100], 0, 100, 2, ASCII) == "_@"
    assert spark([1.0, 2.0, 3.0], 0, 0, 2, ASCII) == "__"


def test_a_spike_among_ten_thousand_epochs_is_seen() -> None:
    state = RunState()
    state.apply_all(
        [made_runs.started(epochs=10_000), *made_runs.history(10_000, total=10_000, patience=10**6)]
    )
    epochs = list(state.epochs)
    wanted = Wanted(epochs, (1.0, 10_000.0), [], 10_000, 1, False, 0.0)
    began = time.perf_counter()
    drawn = chart(wanted, "accuracy", 200, 50, UNICODE)
    assert time.perf_counter() - began < 1.0  # some 30 ms on an idle machine
    assert len(drawn.rows) == 50
    assert all(row.cell_len <= 200 for row in drawn.rows)


@pytest.mark.parametrize("quantity", ["accuracy", "loss", "learning rate"])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_a_loss_that_is_no_number_is_left_out(quantity: str, glyphs: object) -> None:
    state = RunState()
    state.apply_all([made_runs.started(), *made_runs.history(3)])
    import msgspec

    epochs = [
        *state.epochs,
        msgspec.structs.replace(state.epochs[-1], epoch=4, val_loss=math.nan, train_loss=math.inf),
    ]
    drawn = chart(Wanted(epochs, (1.0, 4.0), [], 4, 3, True, 0.6), quantity, 40, 12, glyphs)  # type: ignore[arg-type]
    text = "\n".join(row.plain for row in drawn.rows)
    assert "nan" not in text
    assert len(drawn.rows) == 12
    if glyphs is ASCII:
        assert text.isascii()
