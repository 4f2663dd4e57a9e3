"""The list beside the matrix: the most confused pairs, or each class's rates."""

from typing import Literal

from rich.text import Text

from engine.analysis.confusion import Matrix, Pair, Rates
from tui.widgets import confusion_words as words
from tui.widgets.edge import edge_says
from tui.widgets.look import Glyphs
from tui.widgets.prediction_rows import Rows

Kind = Literal["pairs", "classes"]
_ORDERS = ("f1", "recall", "precision", "images", "class")


class ConfusionRanking(Rows):
    """Pairs come by one direction or by both summed; classes by a rate, the weakest first."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs, id="ranking")
        self._kind: Kind = "pairs"
        self._matrix = Matrix.of([], 0)
        self._names: list[str] = []
        self._both = False
        self._order = _ORDERS[0]
        self._pairs: list[Pair] = []
        self._rates: list[tuple[int, Rates]] = []
        self._ranked: object = None

    def rank(self, matrix: Matrix, names: list[str], kind: Kind) -> None:
        """Show a matrix's pairs or classes; the cursor goes to the first row when they are others."""
        ranked = (matrix, kind, self._both, self._order)
        at = self.at if ranked == self._ranked else 0
        if ranked != self._ranked:
            self._ranked, self._matrix, self._names, self._kind = ranked, matrix, names, kind
            self._pairs = matrix.pairs(both=self._both)
            self._rates = self._sorted(matrix)
        if kind == "pairs":
            edge_says(self, title="confused pairs, both ways" if self._both else "confused pairs")
            self.tell(len(self._pairs), self._pair, at=at, empty="no class is taken for another")
        else:
            edge_says(self, title="classes, rates in %")
            head = words.rates_head(self._order, self.size.width - 2)
            self.tell(len(self._rates), self._class, at=at, head=head)

    def sort(self) -> None:
        """Change to the next order of what is shown."""
        if self._kind == "pairs":
            self._both = not self._both
        else:
            self._order = _ORDERS[(_ORDERS.index(self._order) + 1) % len(_ORDERS)]
        self.rank(self._matrix, self._names, self._kind)

    def target(self) -> tuple[int, int] | None:
        """Return the cell that the row under the cursor stands for: of a class, what it is most taken for."""
        if not self.count:
            return None
        if self._kind == "pairs":
            return self._pairs[self.at].true, self._pairs[self.at].predicted
        index = self._rates[self.at][0]
        mine = (pair for pair in self._matrix.pairs(both=False) if pair.true == index)
        return index, next((pair.predicted for pair in mine), index)

    def _sorted(self, matrix: Matrix) -> list[tuple[int, Rates]]:
        rates = list(enumerate(matrix.rates()))
        if self._order == "images":
            return sorted(rates, key=lambda one: (-one[1].images, one[0]))
        if self._order != "class":
            rates.sort(key=lambda one: _weakest_first(getattr(one[1], self._order)))
        return rates

    def _pair(self, number: int, here: bool, width: int) -> Text:
        pair = self._pairs[number]
        return words.pair_row(pair, self._both, here and self.active, self._names, width, self._glyphs)

    def _class(self, number: int, here: bool, width: int) -> Text:
        index, rates = self._rates[number]
        return words.rates_row(self._names[index], rates, here, width, self._glyphs)


def _weakest_first(rate: float | None) -> tuple[bool, float]:
    """A class without a rate has nothing to mend: it comes last."""
    return rate is None, rate or 0.0
