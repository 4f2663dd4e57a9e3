"""An epoch's validation: the judged weights on every validation image, and what they said of each."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import nn

from engine.data.feed import Feed
from engine.device import Precision
from engine.errors import UserError
from engine.evaluate import Evaluation, evaluate
from engine.finite import NoNumberError
from engine.fold import Folding
from engine.judged import Judged, write_judged
from engine.rundir import RunDir
from engine.text import encodable


class Validation:
    """Validates one run's models on its feed; ``under_way`` says whether it is at it."""

    def __init__(self, run: RunDir, feed: Feed, precision: Precision) -> None:
        self.under_way = False
        self._run = run
        self._feed = feed
        self._precision = precision
        self._folding = Folding(precision)
        self._seen: list[int] = []
        self.kept = b""
        """validation.csv's content, as it was kept last; empty where it couldn't be written."""

    def judge(
        self, model: nn.Module, poll: Callable[[], object], *, label_smoothing: float, epoch: int
    ) -> Evaluation:
        """Return how ``model`` does; ``poll`` is called before each batch and may raise to leave.

        Raises UserError when no image can be read, NoNumberError when the loss is none.
        """
        self._seen, self.under_way = [], True

        def polled() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            for batch in self._feed.val():
                poll()
                if len(batch):
                    self._seen += batch.indices.tolist()
                    yield batch.images, batch.labels

        classes = len(self._feed.data.classes)
        result = evaluate(self._folding(model), polled(), classes, label_smoothing, self._precision)
        self.under_way = False
        if not result.seen:
            raise UserError("none of the validation images can be read")
        if not math.isfinite(result.loss_sum):
            raise NoNumberError("the validation loss is no longer a number", epoch, 0)
        return result

    def keep(self, result: Evaluation) -> None:
        """Write what ``result``, the newest, says of each image. Raises OSError."""
        val, classes = self._feed.data.val, self._feed.data.classes
        answers = zip(self._seen, result.predicted.tolist(), result.confidence.tolist(), strict=True)
        self.kept = b""
        self.kept = write_judged(
            self._run.validation,
            [
                Judged(encodable(str(val.paths[index])), classes[val.labels[index]], classes[predicted], sure)
                for index, predicted, sure in answers
            ],
        )
