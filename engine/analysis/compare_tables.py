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
    said = _verdict(test, best, "worse", "validation images", corrected=comparison.corrected)
    on_test = _on_test(comparison, at, best)
    return f"{said}. {on_test}" if on_test else said


def _on_test(comparison: Comparison, at: int, best: str) -> str:
    """Return a sentence on a run's test against the best run on labelled test images, "" if none is scored on them."""
    test, one = comparison.test_tests[at], comparison.entrants[at]
    if not comparison.scored or comparison.best is None:
        return ""
    ahead = comparison.entrants[comparison.best]
    if one.test is None or ahead.test is None:
        return f"Not compared on test images: {(ahead if ahead.test is None else one).why_no_test_answers}"
    if test is None:
        return ""
    way = "better" if one.test.acc > ahead.test.acc else "worse"
    return f"On the test set, {_verdict(test, best, way, 'labelled test images', corrected=comparison.test_corrected)}"


def _verdict(test: Test, best: str, way: str, images: str, *, corrected: bool) -> str:
    """Return the result of a test and its numbers; ``way`` says how the run differs from the best, if it does."""
    if test.method == "intervals":
        result = (
            f"{way} than {best}: their 95 % intervals are apart"
            if test.differs
            else f"not shown to differ from {best}: their 95 % intervals overlap"
        )
        return f"{result}; not compared image by image: {test.why}"
    result = f"{way} than {best} by more than noise" if test.differs else f"within noise of {best}"
    counts = (
        f"of the {test.images:,} {images} that one alone has {test.best_only:,} right, "
        f"this one alone {test.other_only:,}"
    )
    return f"{result}: {counts}; {_p(test, corrected=corrected)}"


def _about_best(comparison: Comparison) -> str:
    worse = sum(test is not None and bool(test.differs) for test in comparison.tests)
    others = len(comparison.tests) - 1
    if not worse:
        return "best, but its lead is not shown to be more than noise"
    if worse == others:
        return "best, and its lead is more than noise"
    return f"best; its lead is more than noise over {worse} of the other {others}"


def _p(test: Test, *, corrected: bool) -> str:
    assert test.p is not None
    assert test.corrected is not None
    p = p_value(test.p)
    plain = f"McNemar p {p if p.startswith('<') else f'= {p}'}"
    return f"{plain}, corrected {p_value(test.corrected)}" if corrected else plain


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
    if any(test is not None for test in comparison.test_tests):
        sentences.append(
            "The labelled test images, which select nothing, are compared in the same way, against the run that is the "
            "best in validation."
        )
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
        *(("test accuracy", "95 % interval", "macro F1", "images") if comparison.scored else ()),
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
        *(_test_cells(one) if comparison.scored else ()),
        str(best.epoch) if best else "",
        f"{len(one.epochs)} of {one.planned}",
        f"{best.val_loss:.5f}" if best else "",
        f"{one.seconds:.0f} s",
        short(comparison, at) + p,
    ]


def _test_cells(one: RunSummary) -> list[str]:
    test = one.test
    if test is None:
        return [""] * 4
    interval = f"{test.acc_low:.2f} to {test.acc_high:.2f} %"
    return [f"{test.acc:.2f} %", interval, f"{test.macro_f1:.2f} %", f"{test.images:,}"]


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
      other_only, p, p_corrected and why; and of the labelled test images, all null if they weren't scored: test_acc,
      test_acc_low, test_acc_high, test_macro_f1, test_images, and ``test_against_best`` as ``against_best``.
    * ``best``: index of the best run in ``runs``, from 0.
    * ``alpha``: significance level of p_corrected.
    * ``differences``: key, and values in the order of ``runs``.

    Accuracies are in percent; null means unknown.
    """
    content = {
        "runs": [
            _run(one)
            | {"against_best": _against(test)}
            | _test(one)
            | {"test_against_best": _against(on_test)}
            for one, test, on_test in zip(
                comparison.entrants, comparison.tests, comparison.test_tests, strict=True
            )
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


def _test(one: RunSummary) -> dict[str, object]:
    test = one.test
    return {
        "test_acc": test.acc if test else None,
        "test_acc_low": test.acc_low if test else None,
        "test_acc_high": test.acc_high if test else None,
        "test_macro_f1": test.macro_f1 if test else None,
        "test_images": test.images if test else None,
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
