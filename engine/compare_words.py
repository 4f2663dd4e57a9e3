"""What a comparison says, in words. Names in them are raw: who shows them makes them safe."""

from engine.compare import Comparison, Test


def p_value(p: float) -> str:
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"


def short(comparison: Comparison, at: int) -> str:
    """Say in at most 17 characters how a run stands against the best."""
    test = comparison.tests[at]
    if test is None:
        return "best" if at == comparison.best else "no epoch yet"
    if test.method == "none":
        return "not known"
    if test.method == "intervals":
        return "intervals apart" if test.differs else "intervals overlap"
    return "worse" if test.differs else "within noise"


def sentence(comparison: Comparison, at: int) -> str:
    """Say in full how a run stands against the best, and on what grounds."""
    if comparison.best is None:
        return "no epoch of these runs has ended yet: there is nothing to compare"
    test, best = comparison.tests[at], comparison.entrants[comparison.best].name
    if test is None:
        return _about_best(comparison)
    if test.method == "none":
        return f"can't be compared with {best}: {test.why}"
    if test.method == "intervals":
        word = (
            f"worse than {best}: their 95 % intervals are apart"
            if test.differs
            else f"not shown to differ from {best}: their 95 % intervals overlap"
        )
        return f"{word}; not compared image by image: {test.why}"
    return f"{_apart(test, best)}: {_counts(test)}; {_p(comparison, test)}"


def _about_best(comparison: Comparison) -> str:
    worse = sum(test is not None and bool(test.differs) for test in comparison.tests)
    others = len(comparison.tests) - 1
    if not worse:
        return "best, but its lead is not shown to be more than noise"
    if worse == others:
        return "best, and its lead is more than noise"
    return f"best; its lead is more than noise over {worse} of the other {others}"


def _apart(test: Test, best: str) -> str:
    return (
        f"worse than {best} by more than noise" if test.differs else f"no more than noise apart from {best}"
    )


def _counts(test: Test) -> str:
    return (
        f"of the {test.images:,} validation images that one alone has {test.best_only:,} right, "
        f"this one alone {test.other_only:,}"
    )


def _p(comparison: Comparison, test: Test) -> str:
    assert test.p is not None
    assert test.corrected is not None
    said = p_value(test.p)
    plain = f"McNemar p {said if said.startswith('<') else f'= {said}'}"
    return f"{plain}, corrected {p_value(test.corrected)}" if comparison.corrected else plain


def grounds(comparison: Comparison) -> list[str]:
    """Say by what rules the verdicts were found, and how far they go."""
    said = []
    if any(test is not None and test.method == "images" for test in comparison.tests):
        said.append(
            "More than noise: McNemar's exact test, two-sided, on what the best weights of both runs said of "
            "the same validation images, p below 0.05."
        )
        if comparison.corrected:
            said.append("Several tests, each run against the best one: p is corrected by Holm's method.")
    if any(test is not None and test.method == "intervals" for test in comparison.tests):
        said.append(
            "Intervals: 95 % score intervals (Wilson) of the validation accuracy. Apart means a difference; "
            "overlapping ones leave it open."
        )
    if said:
        said.append(
            "It speaks of these weights on these images, on which the best epochs were chosen too; whether a "
            "setting is better, several seeds of each tell: vrdl-tui ablate."
        )
    return said
