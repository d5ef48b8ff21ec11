"""An explanation as a picture: spectrogram above, the slices' votes below, the verdict over both.

It is read at two sizes.  A fifth of it, in a file manager, still shows the verdict, the colours of
the votes and where the loudest evidence is; at full size there are axes, names and numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genre_model.audio import reason
from genre_model.colours import GREY, Colour, genre_colours
from genre_model.errors import GenreModelError
from genre_model.evidence import Evidence, Explanation, clock, harmless, percent
from genre_model.log_spectrum import LogSpectrum
from genre_model.pictures import pillow
from genre_model.typeface import fitted, typeface

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

WIDTH, HEIGHT = 1280, 860
LEFT, RIGHT = 92, 1256  # of both plots
SPECTRUM = (148, 478)  # top and bottom
HEARD = (482, 490)
STRIP = (536, 686)
LEGEND_TOP = 712
FOOTER_TOP = 812
N_LEGEND_COLUMNS = 4
INK, SOFT, PAPER, EMPTY = (26, 26, 26), (96, 96, 96), (255, 255, 255), (236, 236, 236)
VERDICT_SIZE, TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 64, 30, 24, 20
TICKS_HZ = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 3_600)
MAX_TICKS = 10
MIN_SHARE, MIN_PEAK = 0.03, 0.25  # of the votes; a genre below both is not worth a colour
MAX_REACH = 0.75  # of the usual distance between slices: how far one speaks for what is not heard
# From silence to loud: dark blue to white, even in lightness, and no colour that a genre has.
SHADES = ((12, 14, 26), (38, 44, 74), (88, 96, 132), (160, 166, 188), (250, 250, 246))


@dataclass(frozen=True, slots=True)
class Scale:
    """Seconds to pixels."""

    seconds: float

    def x(self, time_s: float) -> int:
        """Where a time is."""
        return LEFT + round(float(np.clip(time_s / self.seconds, 0, 1)) * (RIGHT - LEFT))


def save_explanation(explanation: Explanation, spectrum: LogSpectrum, file: Path) -> None:
    """Draw an explanation into a PNG file.

    Raises:
        GenreModelError: Pillow is missing, or the file cannot be written.
    """
    image = draw_explanation(explanation, spectrum)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file, format="PNG", optimize=True)
    except (OSError, ValueError) as error:
        raise GenreModelError(f"cannot write {file}: {reason(error)}") from error


def draw_explanation(explanation: Explanation, spectrum: LogSpectrum) -> Image:
    """The picture, ``WIDTH`` by ``HEIGHT``.

    Raises:
        GenreModelError: Pillow is missing.
    """
    images = pillow()
    from PIL import ImageDraw

    image: Image = images.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    scale = Scale(max(spectrum.seconds, 1e-3))
    evidence = explanation.evidence
    best = explanation.song.best
    shown = worth_showing(evidence, best.genre if best else None) if evidence else []
    colours = genre_colours(shown, explanation.genres)
    draw_header(draw, explanation, colours.get(shown[0], GREY) if shown else GREY)
    image.paste(images.fromarray(spectrum_pixels(spectrum)), (LEFT, SPECTRUM[0]))
    draw_frequencies(draw, spectrum)
    draw_times(draw, scale)
    if evidence is not None:
        draw_votes(draw, evidence, scale, colours)
        draw_heard(draw, evidence, scale)
        draw_loudest(draw, evidence, scale, colours[shown[0]])
        draw_legend(draw, explanation, colours)
    draw_footer(draw, explanation)
    return image


def worth_showing(evidence: Evidence, leading: str | None) -> list[str]:
    """The names that get a colour: the leading genre, then by their share of the votes.

    Where the leading genre speaks through its kinds alone, it is named all the same.
    """
    names = [
        name
        for name in evidence.by_share
        if evidence.vote(name).mean() >= MIN_SHARE or evidence.vote(name).max() >= MIN_PEAK
    ]
    return list(dict.fromkeys([leading, *names] if leading else names))


def spectrum_pixels(spectrum: LogSpectrum) -> NDArray[np.uint8]:
    """(height, width, 3) pixels of the upper plot."""
    width, height = RIGHT - LEFT, SPECTRUM[1] - SPECTRUM[0]
    image = pillow().fromarray(spectrum.levels).resize((width, height), reducing_filter())
    levels = np.clip(np.asarray(image), 0, 1)
    steps = np.linspace(0, 1, len(SHADES))
    channels = [np.interp(levels, steps, channel) for channel in np.array(SHADES).T]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def reducing_filter() -> int:
    """Means of pixels where a picture gets smaller, straight lines where it grows."""
    return int(pillow().Resampling.BILINEAR)


def draw_header(draw: ImageDraw, explanation: Explanation, colour: Colour) -> None:
    """The verdict, as large as a thumbnail needs it, and the title."""
    draw.rectangle((LEFT - 68, 22, LEFT - 14, 76), fill=colour, outline=INK, width=2)
    room = RIGHT - LEFT
    verdict = fitted(explanation.verdict, VERDICT_SIZE, room)
    draw.text((LEFT, 74), verdict, INK, typeface(VERDICT_SIZE, verdict), "ls", stroke_width=1)
    title = fitted(harmless(explanation.title), TITLE_SIZE, room)
    draw.text((LEFT, 122), title, SOFT, typeface(TITLE_SIZE, title), "ls")


def draw_frequencies(draw: ImageDraw, spectrum: LogSpectrum) -> None:
    """The frequencies at the left of the spectrogram."""
    top, bottom = SPECTRUM
    for hz in TICKS_HZ:
        place = spectrum.row_of(hz)
        if 0.02 <= place <= 0.98:
            y = top + round(place * (bottom - top))
            label = f"{hz // 1_000}k" if hz >= 1_000 else str(hz)
            draw.line((LEFT - 8, y, LEFT - 1, y), SOFT, 2)
            draw.text((LEFT - 14, y), label, SOFT, typeface(SMALL_SIZE), "rm")
    draw.text((LEFT - 14, bottom + 4), "Hz", SOFT, typeface(SMALL_SIZE), "rm")


def draw_times(draw: ImageDraw, scale: Scale) -> None:
    """The times between both plots."""
    fits = [step for step in TICK_STEPS_S if scale.seconds / step <= MAX_TICKS]
    step = fits[0] if fits else TICK_STEPS_S[-1] * (1 + int(scale.seconds / 36_000))
    y = HEARD[1]
    for time_s in np.arange(0, scale.seconds + 1e-6, step).tolist():
        x = scale.x(time_s)
        draw.line((x, y, x, y + 8), SOFT, 2)
        anchor = "la" if time_s == 0 else "ra" if x > RIGHT - 24 else "ma"
        draw.text((x, y + 11), clock(time_s), SOFT, typeface(SMALL_SIZE), anchor)


def draw_votes(
    draw: ImageDraw, evidence: Evidence, scale: Scale, colours: dict[str, Colour]
) -> None:
    """The strip: each slice's probabilities on top of each other, the leading genre at the foot."""
    top, bottom = STRIP
    draw.rectangle((LEFT, top, RIGHT - 1, bottom), fill=EMPTY)
    others = [name for name in evidence.names if name not in colours]
    parts = [(evidence.vote(name), colour) for name, colour in colours.items() if name in others
             or name in evidence.names]
    parts.append((sum((evidence.vote(name) for name in others), np.zeros(len(evidence.votes))), GREY))
    for index, (start_s, stop_s) in enumerate(spans(evidence, scale.seconds)):
        left, right = scale.x(start_s), max(scale.x(stop_s), scale.x(start_s) + 1)
        reached = 0.0
        for votes, colour in parts:
            y = bottom - round(reached * (bottom - top))
            reached += float(votes[index])
            y_end = bottom - round(min(reached, 1.0) * (bottom - top))
            if y_end < y:
                draw.rectangle((left, y_end, right - 1, y - 1), fill=colour)
                if y - y_end > 3:
                    draw.line((left, y_end, right - 1, y_end), PAPER, 1)
        if right - left > 8:
            draw.line((right - 1, top, right - 1, bottom), PAPER, 1)
    draw.text((LEFT - 14, top), "votes", SOFT, typeface(SMALL_SIZE), "ra")


def spans(evidence: Evidence, seconds: float) -> list[tuple[float, float]]:
    """Start and end in seconds of what each slice speaks for: half-way to the next ones."""
    middles = evidence.starts_s + evidence.length_s / 2
    usual = float(np.median(np.diff(middles))) if len(middles) > 1 else evidence.length_s
    reach = max(evidence.length_s / 2, MAX_REACH * usual)
    between = (middles[:-1] + middles[1:]) / 2
    starts = np.maximum(np.concatenate([[0.0], between]), middles - reach)
    stops = np.minimum(np.concatenate([between, [seconds]]), middles + reach)
    return list(zip(starts.tolist(), np.maximum(starts, stops).tolist(), strict=True))


def draw_heard(draw: ImageDraw, evidence: Evidence, scale: Scale) -> None:
    """A bar under the spectrogram, dark where the model has listened."""
    top, bottom = HEARD
    draw.rectangle((LEFT, top, RIGHT - 1, bottom - 1), fill=EMPTY)
    for start_s in evidence.starts_s.tolist():
        right = max(scale.x(start_s + evidence.length_s) - 2, scale.x(start_s) + 1)
        draw.rectangle((scale.x(start_s), top, right, bottom - 1), fill=SOFT)


def draw_loudest(draw: ImageDraw, evidence: Evidence, scale: Scale, colour: Colour) -> None:
    """Frames around the slices that speak most for the leading genre, and flags with their rank."""
    top, bottom = SPECTRUM
    for rank, index in reversed(list(enumerate(evidence.loudest, 1))):
        start_s = float(evidence.starts_s[index])
        left, right = scale.x(start_s), scale.x(start_s + evidence.length_s)
        left, right = min(left, RIGHT - 14), max(right, min(left, RIGHT - 14) + 13)
        draw.rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=PAPER, width=8)
        draw.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=5)
        middle = min(max((left + right) // 2, LEFT + 15), RIGHT - 15)
        draw.rectangle((middle - 15, top - 18, middle + 14, top + 12), fill=colour, outline=PAPER,
                       width=2)
        draw.text((middle, top - 3), str(rank), PAPER, typeface(TEXT_SIZE), "mm", stroke_width=1)


def draw_legend(draw: ImageDraw, explanation: Explanation, colours: dict[str, Colour]) -> None:
    """The coloured genres with their probabilities, then what is grey, then what is empty."""
    scores = {score.genre: score.probability for score in explanation.song.ranked}
    entries = [(name, percent(scores.get(name, 0.0)), colour) for name, colour in colours.items()]
    evidence = explanation.evidence
    if evidence is not None and len(entries) < len(evidence.names):
        entries.append(("other genres", "", GREY))
    width = (RIGHT - LEFT) // N_LEGEND_COLUMNS
    for index, (name, value, colour) in enumerate(entries):
        x = LEFT + index % N_LEGEND_COLUMNS * width
        y = LEGEND_TOP + index // N_LEGEND_COLUMNS * 44
        draw.rectangle((x, y, x + 27, y + 27), fill=colour, outline=INK, width=1)
        room = width - 60 - (90 if value else 0)
        label = fitted(harmless(name), TEXT_SIZE, room)
        draw.text((x + 38, y + 14), f"{label}  {value}", INK, typeface(TEXT_SIZE, label), "lm")


def draw_footer(draw: ImageDraw, explanation: Explanation) -> None:
    """The reason, and which model it was."""
    lines = [explanation.reason, f"model {explanation.model}"]
    if explanation.evidence is not None:
        n = len(explanation.evidence.votes)
        lines[1] = f"{n} slices heard (dark under the spectrogram), {lines[1]}"
    for index, line in enumerate(lines):
        text = fitted(harmless(line), SMALL_SIZE, RIGHT - LEFT)
        draw.text((LEFT, FOOTER_TOP + index * 24), text, SOFT, typeface(SMALL_SIZE, text), "lm")
