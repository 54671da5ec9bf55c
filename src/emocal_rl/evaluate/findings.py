"""What the numbers say, in sentences. Worse is called worse; an interval with zero in it is no finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emocal_rl.evaluate.analysis import Analysis
from emocal_rl.evaluate.compare import Difference
from emocal_rl.evaluate.run_files import split_label
from emocal_rl.evaluate.splits import SplitResult
from emocal_rl.evaluate.systems import calibrator_label

NAMES = {"brier": "Brier", "auroc": "AUROC", "ece_10": "ECE", "accuracy": "accuracy"}


def number(value: float | None, digits: int = 3) -> str:
    """A number with a real minus sign; a dash where there is none.

    >>> number(-0.0334), number(None)
    ('−0.033', '–')
    """
    if value is None or value != value:
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.replace("-", "")


def between(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval in brackets, or nothing.

    >>> between(-0.1, 0.2), between(None, None)
    ('[−0.100, 0.200]', '')
    """
    return "" if low is None or high is None else f"[{number(low, digits)}, {number(high, digits)}]"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage.

    >>> percent(0.705), percent(None)
    ('70.5%', '–')
    """
    return "–" if value is None or value != value else f"{number(100 * value, digits)}%"


def _signed(d: Difference) -> str:
    sign = "+" if d.value > 0 else ""
    return f"{sign}{number(d.value)} {between(d.low, d.high)}".strip()


def headline(analysis: Analysis) -> str:
    """The first sentence of the report, about the first test split."""
    result = analysis.tests[0]
    where, after = split_label(result.name), result.value("after", "brier")
    if after is None:
        return _without_confidence(result, where)
    change = result.differences.get("before", {}).get("brier")
    if change is None or change.value != change.value:
        return f"Brier {number(after)} {_interval(result, 'after', 'brier')} on {where}{_bound(result)}."
    moved = f"Brier {number(change.first)} → {number(change.second)} on {where}"
    paired = f"paired difference {_signed(change)}"
    if change.better is None:
        return f"No demonstrable change: {moved} ({paired}{', which contains zero' if change.low is not None else ''})."
    if not change.better:
        return f"The Brier score got worse: {moved} ({paired})."
    return f"{moved} ({paired}){_gap(result)}."


def _gap(result: SplitResult) -> str:
    if result.closed is None or result.closed[0] != result.closed[0]:
        return ""
    value, low, high = result.closed
    spread = f" [{number(100 * low, 0)}, {number(100 * high, 0)}]" if low is not None and high is not None else ""
    return f"; {number(100 * value, 0)}%{spread} of the gap to the Bayes bound closed"


def _bound(result: SplitResult) -> str:
    bound = result.value("bayes", "brier")
    return "" if bound is None else f"; the Bayes bound is {number(bound)}"


def _interval(result: SplitResult, system: str, metric: str) -> str:
    found = result.systems[system].metrics[metric]
    return between(found.low, found.high)


def _without_confidence(result: SplitResult, where: str) -> str:
    if not result.value("after", "parse_rate"):
        return f"Not one reply could be read on {where}: nothing can be said about accuracy or calibration."
    accuracy = percent(result.value("after", "accuracy"))
    return f"Accuracy {accuracy} on {where}; no confidence is stated, so none can be judged."


def posthoc(result: SplitResult) -> str | None:
    """Does the trained model beat recalibrating the model before it, and in what? None without such rows.

    Where there is no model before, the same question about recalibrating the model itself.
    """
    rivals = {k: d for k, d in result.differences.items() if "+" in k and "brier" in d}
    if not rivals:
        return None
    best = min(rivals, key=lambda k: rivals[k]["brier"].first)
    role, _, name = best.partition("+")
    trained = role == "before"
    rival = "the strongest post-hoc baseline of the model before" if trained else "its own strongest recalibration"
    subject = "training" if trained else "the model"
    won, lost, open_ = (_verdicts(rivals[best], kind) for kind in (True, False, None))
    parts = [f"better in {_join(won)}"] if won else []
    parts += [f"worse in {_join(lost)}"] if lost else []
    parts += [f"not demonstrably different in {_join(open_)}"] if open_ else []
    start = f"{split_label(result.name).capitalize()}: against {rival}"
    baseline = f"({calibrator_label(name)}, Brier {number(rivals[best]['brier'].first)})"
    return f"{start} {baseline} {subject} is {'; '.join(parts)}. {_every(rivals)}"


def _verdicts(differences: Mapping[str, Difference], kind: bool | None) -> list[str]:
    return [f"{NAMES[m]} ({_signed(d)})" for m, d in differences.items() if m in NAMES and d.better is kind]


def _every(rivals: Mapping[str, Mapping[str, Difference]]) -> str:
    beaten = [m for m in ("brier", "auroc", "ece_10") if all(d[m].better is True for d in rivals.values() if m in d)]
    if beaten:
        return f"It beats all {len(rivals)} of them in {_join([NAMES[m] for m in beaten])}."
    return f"There is no metric in which it beats all {len(rivals)} of them."


def _join(items: Sequence[str]) -> str:
    """Words with commas and a final "and".

    >>> _join(["a", "b", "c"])
    'a, b and c'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def calibration(result: SplitResult) -> str | None:
    """Is the final model calibrated, as far as this many rows can tell? None without confidences."""
    ece, floor, p = (result.value("after", m) for m in ("ece_10", "ece_10_floor", "ece_10_p"))
    gap, stated = result.value("after", "overconfidence"), result.value("after", "mean_confidence")
    if ece is None or floor is None or p is None or gap is None or stated is None:
        return None
    kind = "over-confident" if gap > 0 else "under-confident"
    tell = f"{'can' if p < 0.05 else 'cannot'} be told apart from a calibrated model's"
    where = split_label(result.name).capitalize()
    return (
        f"{where}: mean confidence {percent(stated)} at {percent(stated - gap)} accuracy "
        f"({kind} by {number(100 * abs(gap), 1)} points); ECE {number(ece)} {tell} "
        f"(noise floor {number(floor)}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'})."
    )


def people(result: SplitResult) -> str | None:
    """How much of the final Brier score is people's disagreement, and how much the model's error about it."""
    after, before = (result.people.get(role) or {} for role in ("after", "before"))
    if not after:
        return None
    was = f" (before: {number(before['model_error'])})" if before else ""
    return (
        f"{split_label(result.name).capitalize()}: of the Brier score of {number(after['brier'])}, "
        f"{number(after['human_disagreement'])} is people's disagreement about the answers given and "
        f"{number(after['model_error'])} the model's error about it{was}; one annotator agrees with another on "
        f"{percent(after['annotator']['accuracy'])} of the rows."
    )


def sentences(analysis: Analysis) -> list[str]:
    """The findings that need words, per test split: against post-hoc recalibration, and calibration itself."""
    found = [text for result in analysis.tests for text in (posthoc(result), calibration(result), people(result))]
    return [text for text in found if text]
