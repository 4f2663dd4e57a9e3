"""A comparison as text: sentences, CSV of the curves, Markdown for reports, JSON for scripts.

Run names in the sentences are not escaped; the caller escapes them for the place where they are shown.
"""

import re
from collections.abc import Sequence

import msgspec

from engine.analysis.compare import ALPHA, Comparison, RunSummary, Test
from engine.core.table import Cell, escape, table
from engine.core.text import encodable, printable


def p_value(p: float) -> str:
    """Return a p-value with four decimals, or ``< 0.0001``."""
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"


def short(comparison: Comparison, at: int) -> str:
    """Return the result of a run's test against the best run in at most 17 characters."""
    test = comparison.tests[at]
    if test is None:
        return "best" if at == comparison.best else "no epoch yet"
    if test.method == "none":
        return "not known"
    if test.method == "intervals":
        return "intervals apart" if test.differs else "intervals overlap"
    return "worse" if test.differs else "within noise"


def sentence(comparison: Comparison, at: int) -> str:
    """Return a sentence with the result of a run's test against the best run, and the numbers it is based on."""
    if comparison.best is None:
        return "no epoch of these runs has ended yet, so there is nothing to compare"
    test, best = comparison.tests[at], comparison.entrants[comparison.best].name
    if test is None:
        return _about_best(comparison)
    if test.method == "none":
        return f"can't be compared with {best}: {test.why}"
    if test.method == "intervals":
        result = (
            f"worse than {best}: their 95 % intervals are apart"
            if test.differs
            else f"not shown to differ from {best}: their 95 % intervals overlap"
        )
        return f"{result}; not compared image by image: {test.why}"
    return f"{_result(test, best)}: {_counts(test)}; {_p(comparison, test)}"


def _about_best(comparison: Comparison) -> str:
    worse = sum(test is not None and bool(test.differs) for test in comparison.tests)
    others = len(comparison.tests) - 1
    if not worse:
        return "best, but its lead is not shown to be more than noise"
    if worse == others:
        return "best, and its lead is more than noise"
    return f"best; its lead is more than noise over {worse} of the other {others}"


def _result(test: Test, best: str) -> str:
    return f"worse than {best} by more than noise" if test.differs else f"within noise of {best}"


def _counts(test: Test) -> str:
    return (
        f"of the {test.images:,} validation images that one alone has {test.best_only:,} right, "
        f"this one alone {test.other_only:,}"
    )


def _p(comparison: Comparison, test: Test) -> str:
    assert test.p is not None
    assert test.corrected is not None
    p = p_value(test.p)
    plain = f"McNemar p {p if p.startswith('<') else f'= {p}'}"
    return f"{plain}, corrected {p_value(test.corrected)}" if comparison.corrected else plain


def grounds(comparison: Comparison) -> list[str]:
    """Return sentences on how the results were obtained, and on their limits."""
    sentences = []
    if any(test is not None and test.method == "images" for test in comparison.tests):
        sentences.append(
            "More than noise: p below 0.05 in McNemar's exact test, two-sided, on the predictions of the best "
            "weights of both runs for the same validation images."
        )
        if comparison.corrected:
            sentences.append("Each run is tested against the best one; p is corrected by Holm's method.")
    if any(test is not None and test.method == "intervals" for test in comparison.tests):
        sentences.append(
            "Intervals: 95 % score intervals (Wilson) of the validation accuracy. Intervals apart show a "
            "difference; overlapping ones are inconclusive."
        )
    if sentences:
        sentences.append(
            "The results hold for these weights and these images, which also selected the best epochs. To "
            "find out whether a setting is better, train several seeds of each: vrdl-tui ablate."
        )
    return sentences


_CURVES = (
    "run", "epoch", "lr", "train_acc", "train_loss", "val_acc", "val_acc_low", "val_acc_high", "val_loss", "seconds",
)  # fmt: skip
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def as_csv(comparison: Comparison) -> str:
    """Return CSV with a row for each epoch of each run; accuracies in percent, unknown interval bounds empty."""
    rows: list[Sequence[Cell]] = [
        (
            escape(encodable(one.name)), epoch.epoch, epoch.lr, epoch.train_acc, epoch.train_loss, epoch.val_acc,
            "" if epoch.val_acc_low is None else epoch.val_acc_low,
            "" if epoch.val_acc_high is None else epoch.val_acc_high, epoch.val_loss, epoch.seconds,
        )
        for one in comparison.entrants
        for epoch in one.epochs
    ]  # fmt: skip
    return table(_CURVES, rows)


def as_markdown(comparison: Comparison) -> str:
    """Return runs, results and recipe differences as Markdown with GitHub tables."""
    heads = [
        "run",
        "val. accuracy",
        "95 % interval",
        "best epoch",
        "epochs",
        "val. loss",
        "time",
        "vs. best",
    ]
    rows = [_row(comparison, at) for at in range(len(comparison.entrants))]
    parts = ["# Comparison of runs", _markdown(heads, rows)]
    parts.append(
        "\n".join(
            f"* **{_plain(one.name)}**: {_plain(sentence(comparison, at))}."
            for at, one in enumerate(comparison.entrants)
        )
    )
    parts += grounds(comparison)
    parts.append("## Recipe differences")
    names = [_plain(one.name) for one in comparison.entrants]
    found = [[f"`{one.key}`", *map(_plain, one.values)] for one in comparison.differences]
    parts.append(_markdown(["key", *names], found) if found else "None.")
    return "\n\n".join(parts) + "\n"


def _row(comparison: Comparison, at: int) -> list[str]:
    one = comparison.entrants[at]
    best, interval, test = one.best, one.interval, comparison.tests[at]
    p = f", p {p_value(test.corrected)}" if test is not None and test.corrected is not None else ""
    return [
        _plain(one.name),
        f"{best.val_acc:.2f} %" if best else "",
        f"{interval[0]:.2f} to {interval[1]:.2f} %" if interval else "",
        str(best.epoch) if best else "",
        f"{len(one.epochs)} of {one.planned}",
        f"{best.val_loss:.5f}" if best else "",
        f"{one.seconds:.0f} s",
        short(comparison, at) + p,
    ]


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", printable(text))


def as_json(comparison: Comparison) -> bytes:
    """Return the comparison as JSON. Names and meanings of fields are stable across versions.

    * ``runs``: one object per run, in the order given, with name, path, state, model, data, epochs (finished),
      planned_epochs, monitor, best_epoch, val_acc with its 95 % interval val_acc_low and val_acc_high, val_images,
      val_loss and train_acc (of the best epoch), seconds (of all epochs), and ``against_best``: null for the best run,
      otherwise method (images, intervals, none), differs (true, false, or null if unknown), images, best_only,
      other_only, p, p_corrected and why.
    * ``best``: index of the best run in ``runs``, from 0.
    * ``alpha``: significance level of p_corrected.
    * ``differences``: key, and values in the order of ``runs``.

    Accuracies are in percent; null means unknown.
    """
    content = {
        "runs": [
            _run(one) | {"against_best": _against(test)}
            for one, test in zip(comparison.entrants, comparison.tests, strict=True)
        ],
        "best": comparison.best,
        "alpha": ALPHA,
        "differences": [
            {"key": one.key, "values": [value or None for value in one.values]}
            for one in comparison.differences
        ],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _run(one: RunSummary) -> dict[str, object]:
    best, interval = one.best, one.interval or (None, None)
    return {
        "name": encodable(one.name),
        "path": encodable(str(one.path.resolve())),
        "state": one.status,
        "model": one.model or None,
        "data": one.data or None,
        "epochs": len(one.epochs),
        "planned_epochs": one.planned or None,
        "monitor": one.monitor,
        "best_epoch": best.epoch if best else None,
        "val_acc": best.val_acc if best else None,
        "val_acc_low": interval[0],
        "val_acc_high": interval[1],
        "val_images": len(one.answers) or one.val_images or None,
        "val_loss": best.val_loss if best else None,
        "train_acc": best.train_acc if best else None,
        "seconds": one.seconds,
    }


def _against(test: Test | None) -> dict[str, object] | None:
    if test is None:
        return None
    by_images = test.method == "images"
    return {
        "method": test.method,
        "differs": test.differs,
        "images": test.images if by_images else None,
        "best_only": test.best_only if by_images else None,
        "other_only": test.other_only if by_images else None,
        "p": test.p,
        "p_corrected": test.corrected,
        "why": encodable(test.why) or None,
    }
