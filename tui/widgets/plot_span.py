"""Which epochs a plot shows: all, the newest ones, or a stretch that was zoomed to."""

from typing import TypeAlias

RECENT = 50
"""How many epochs are the recent ones."""
_NARROWEST = 4.0

Span: TypeAlias = tuple[float, float]
"""The first and the last epoch that are shown, not necessarily whole."""


def widest(first: int, last: int, *, recent: bool) -> Span:
    """Return the span that shows all of a history from epoch ``first`` to ``last``, or its newest part."""
    start = max(first, last - RECENT + 1) if recent else first
    return float(start), float(max(last, start + 1))


def zoomed(span: Span, whole: Span, factor: float, at: float) -> Span | None:
    """Return ``span`` made ``factor`` as wide, ``at`` staying where it is; None once it is all of ``whole``."""
    width = max(min(_NARROWEST, whole[1] - whole[0]), (span[1] - span[0]) * factor)
    if width >= whole[1] - whole[0]:
        return None
    share = (at - span[0]) / (span[1] - span[0])
    return within((at - share * width, at + (1 - share) * width), whole)


def panned(span: Span, whole: Span, epochs: float) -> Span:
    """Return ``span`` moved by ``epochs``, not beyond ``whole``."""
    return within((span[0] + epochs, span[1] + epochs), whole)


def within(span: Span, whole: Span) -> Span:
    """Return ``span`` moved to where it lies in ``whole``, which is as wide or wider."""
    width = span[1] - span[0]
    start = min(max(span[0], whole[0]), whole[1] - width)
    return start, start + width
