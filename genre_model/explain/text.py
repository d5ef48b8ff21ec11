"""An explanation for a terminal: each genre with its probability and a strip of its votes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genre_model.core.text import clock, count, harmless, n_columns, padded
from genre_model.explain.evidence import Evidence, Explanation

MAX_GENRES = 7

MIN_PROBABILITY = 0.01

STRIP_WIDTH = 48

BLOCKS = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"

PLAIN_BLOCKS = " .:-=+*#@"  # for a terminal without block characters


def explanation_lines(explanation: Explanation, encoding: str | None) -> list[str]:
    """The lines for a terminal with an encoding; None: it can show all characters."""
    song, evidence = explanation.song, explanation.evidence
    lines = [harmless(explanation.title), f"  {explanation.verdict}"]
    if evidence is None:
        return [*lines, f"  {explanation.reason}"]
    likely = [score for score in song.ranked if score.probability >= MIN_PROBABILITY]
    shown = (likely or list(song.ranked))[:MAX_GENRES]
    width = max(n_columns(score.genre) for score in shown)
    blocks = BLOCKS if can_write(BLOCKS, encoding) else PLAIN_BLOCKS
    for score in shown:
        votes = evidence.with_subgenres[:, evidence.names.index(score.genre)]
        drawn = strip(votes, blocks)
        name = padded(score.genre, width)
        lines.append(f"  {name}  {score.probability:.2f}  |{drawn}|")
    return [*lines, f"  {explanation.full_reason}", f"  {loudest_line(explanation, evidence)}"]


def loudest_line(explanation: Explanation, evidence: Evidence) -> str:
    """The times of the slices that speak most for the leading genre."""
    times = ", ".join(clock(evidence.starts_s[index]) for index in evidence.strongest)
    leading = explanation.song.best.genre if explanation.song.best else ""
    return f"Most like {leading} at {times}, of {count(len(evidence.votes), 'slice')} analysed."


def strip(votes: NDArray[np.floating], blocks: str) -> str:
    """Probabilities (n_slices,) as blocks: one per slice, or the means of ``STRIP_WIDTH`` parts."""
    parts = np.array_split(votes, min(len(votes), STRIP_WIDTH))
    steps = len(blocks) - 1
    return "".join(blocks[round(float(np.clip(part.mean(), 0, 1)) * steps)] for part in parts)


def can_write(text: str, encoding: str | None) -> bool:
    """Whether an encoding has all characters of a text."""
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
