"""Whether a model that was trained may take the place of the one in use: never if it is worse."""

from __future__ import annotations

from math import inf, isfinite

from genre_model.evaluation.metrics import Interval
from genre_model.evaluation.report import ModelFigures, Report

NOTICEABLE = 0.1  # of coverage

FEWEST = 0.2  # of the tracks that another answers


def why_not(report: Report) -> str | None:
    """What speaks against using the new model; None where nothing does.

    It has to be compared on artists that it has not seen, and to be better than each of the others
    on the very same tracks: to say what the user would say more often, while no more is wrong by
    the music, beyond chance.  Its answers have to reach the target precision, or that of each of
    the others, whose answers would otherwise go on being written; and they must not be few.
    """
    if report.not_compared:
        return report.not_compared
    if not report.models:
        return "it was not compared with other models"
    if report.group_by != "artist":
        return f"its figures flatter it ({report.split_reason})"
    against = (speaks_against(report.coverage, other) for other in report.models[1:])
    reason = next(filter(None, against), None)
    if reason is None and not is_precise(report):
        return "its answers do not reach the target precision: more labels may help"
    return reason


def speaks_against(coverage: float, other: ModelFigures) -> str | None:
    """What speaks against a new model of that coverage beside another one, if anything does."""
    if is_worse(other.gain) or is_worse(other.balanced_gain):
        return f"it is right less often than {named(other.name)}"
    if not is_better(other.gain_in_names, other.balanced_gain_in_names):
        return f"it is not right more often than {named(other.name)}"
    if coverage < FEWEST * other.coverage:
        shares = f"{coverage:.0%} of the tracks, {named(other.name)} {other.coverage:.0%}"
        return f"it would answer {shares}: more labels may help"
    return None


def fewer_answers(report: Report) -> str:
    """That a better model answers fewer tracks, as the end of a sentence; "" where it does not."""
    new, *others = report.models
    for other in others:
        if new.coverage < other.coverage - NOTICEABLE:
            return (
                f"; it answers fewer tracks than {named(other.name)} ({new.coverage:.0%}, not "
                f"{other.coverage:.0%}; of the answers {new.precision.value:.0%} are right, not "
                f"{other.precision.value:.0%})"
            )
    return ""


def is_precise(report: Report) -> bool:
    """Whether its answers are right as often as is wished, or as those of each of the others."""
    others = [other.precision.value for other in report.models[1:]]
    others = [value for value in others if isfinite(value)]  # one that answers nothing has none
    return report.precision.value >= min(report.target_precision, max(others, default=inf))


def is_worse(gain: Interval | None) -> bool:
    """Whether less is right beyond chance, whatever names the genres have."""
    return gain is None or not gain.high >= 0


def is_better(gain: Interval | None, balanced_gain: Interval | None) -> bool:
    """Whether no fewer songs are right, and more of all or of the mean genre."""
    if gain is None or balanced_gain is None:
        return False
    return gain.value >= 0 and gain.value + balanced_gain.value > 0


def named(name: str) -> str:
    """A model in a sentence."""
    return "the shipped model" if name == "shipped" else name
