"""Whether a new model may replace the model in use: never if it is worse."""

from __future__ import annotations

from math import inf, isfinite

from genre_model.evaluation.metrics import Interval
from genre_model.evaluation.report import ModelFigures, Report

NOTICEABLE = 0.1  # difference in coverage that is mentioned

FEWEST = 0.2  # least coverage, as a share of another model's


def why_not(report: Report) -> str | None:
    """The reason not to use the new model; None if there is none.

    The new model has to be compared on artists that it has not seen, and to be better than each
    other model on the same tracks: it gives the user's own names more often, and whatever names the
    genres have, it is not wrong more often, beyond chance.  The precision of its answers has to
    reach the target, or the precision of each other model, whose answers would otherwise continue
    to be written.  And it must not answer few tracks.
    """
    if report.not_compared:
        return report.not_compared
    if not report.models:
        return "it was not compared with other models"
    if report.group_by != "artist":
        return f"its figures flatter it ({report.split_reason})"
    new, *others = report.models
    against = (speaks_against(new.coverage, other) for other in others)
    reason = next(filter(None, against), None)
    if reason is None and not is_precise(report):
        return "its answers do not reach the target precision: more labels may help"
    return reason


def speaks_against(coverage: float, other: ModelFigures) -> str | None:
    """The reason not to use a new model with this coverage instead of another; None if none."""
    if is_worse(other.gain) or is_worse(other.balanced_gain):
        return f"it is right less often than {named(other.name)}"
    if not is_better(other.gain_in_names, other.balanced_gain_in_names):
        return f"it is not right more often than {named(other.name)}, counted by song and by genre"
    if coverage < FEWEST * other.coverage:
        shares = f"{coverage:.0%} of the tracks, {named(other.name)} {other.coverage:.0%}"
        return f"it would answer {shares}: more labels may help"
    return None


def fewer_answers(report: Report) -> str:
    """The end of a sentence, saying that the new model answers fewer tracks; "" if it does not."""
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
    """Whether the answers reach the target precision, or the precision of each other model."""
    new, *others = report.models
    values = [other.precision.value for other in others]
    most = max(filter(isfinite, values), default=inf)  # NaN without answers
    return report.precision.value >= report.target_precision or new.precision.value >= most


def is_worse(gain: Interval | None) -> bool:
    """Whether fewer songs are right, beyond chance, whatever names the genres have."""
    return gain is None or not gain.high >= 0


def is_better(gain: Interval | None, balanced_gain: Interval | None) -> bool:
    """Whether no fewer songs are right, and the gains by song and by genre sum to above 0."""
    if gain is None or balanced_gain is None:
        return False
    return gain.value >= 0 and gain.value + balanced_gain.value > 0


def named(name: str) -> str:
    """A model's name in a sentence."""
    return "the shipped model" if name == "shipped" else name
