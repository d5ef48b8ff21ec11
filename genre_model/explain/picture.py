"""An explanation as a picture: the verdict, below it the spectrogram, then the slices' votes.

It is readable at two sizes.  At a fifth of its size, in a file manager, it still shows the verdict,
the colours of the votes and where the strongest evidence is; at full size it also shows axes, names
and numbers.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genre_model.core.arrays import Bools, Float64, UInt8
from genre_model.core.errors import GenreModelError, reason
from genre_model.core.processes import call_in_worker
from genre_model.core.specs import FrontEndSpec, NotesSpec
from genre_model.core.text import clock, count, harmless
from genre_model.explain.evidence import Evidence, Explanation, percent
from genre_model.explain.fonts import fitted, typeface, wrapped
from genre_model.explain.log_spectrum import LogSpectrum, log_spectrum
from genre_model.explain.palette import GREY, Colour, genre_colours
from genre_model.features.png import pillow

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

WIDTH, HEIGHT = 1280, 860

LEFT, RIGHT = 92, 1256  # of both plots

SPECTRUM = (148, 478)  # top and bottom

ANALYSED = (482, 490)

STRIP = (536, 686)

LEGEND_TOP = 712

FOOTER_BOTTOM = 842
FOOTER_LINE = 24
N_REASON_LINES = 2

N_LEGEND_COLUMNS = 4

INK, SOFT, PAPER, EMPTY = (26, 26, 26), (96, 96, 96), (255, 255, 255), (236, 236, 236)

VERDICT_SIZE, TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 64, 30, 24, 20

TICKS_HZ = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)

TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 3_600)

MAX_TICKS = 10

N_LEGEND = 2 * N_LEGEND_COLUMNS

FRAME_LINE = 6

MIN_FRAME = 14  # least width of a frame around a slice, in pixels

MIN_SEPARATED = 3

LIGHT = 480  # a colour whose RGB values sum to more gets dark text

UNSEEN = 0.005

MIN_SHARE, MIN_PEAK = 0.03, 0.25  # mean and highest vote: a genre below both gets no colour
MAX_REACH = 1.0  # how far a slice's votes are drawn, in usual distances between slices


# From silent to loud, in grey: colours are for genres.
SHADES = ((16, 16, 18), (50, 50, 54), (104, 104, 110), (176, 176, 180), (255, 255, 255))

DIMMED = 0.7  # factor of the brightness outside the strongest evidence


@dataclass(frozen=True, slots=True)
class Scale:
    """Converts seconds to pixels."""

    seconds: float

    def x(self, time_s: float) -> int:
        """The x coordinate of a time."""
        return LEFT + round(float(np.clip(time_s / self.seconds, 0, 1)) * (RIGHT - LEFT))


def save_explanation(explanation: Explanation, song: Path, spec: FrontEndSpec, file: Path) -> None:
    """Draw an explanation of a song that is on disk into a PNG file.

    Raises:
        AudioError: The song cannot be read as audio.
        GenreModelError: The model reads no sound, Pillow is missing, or the file cannot be written.
    """
    image = explanation_of_song(explanation, song, spec)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file, format="PNG", optimize=True)
    except (OSError, ValueError) as error:
        raise GenreModelError(f"cannot write {file}: {reason(error)}") from error


def explanation_of_song(explanation: Explanation, song: Path, spec: FrontEndSpec) -> Image:
    """The picture of a song that is on disk.

    Raises:
        AudioError: The song cannot be read as audio.
        GenreModelError: The model reads no sound, or Pillow is missing.
    """
    if isinstance(spec, NotesSpec):
        raise GenreModelError("no picture: this model reads notes and no sound")
    n_rows = SPECTRUM[1] - SPECTRUM[0]
    spectrum = call_in_worker(log_spectrum, song, spec.sample_rate_hz, n_rows)
    return draw_explanation(explanation, spectrum)


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
    shown = worth_showing(explanation)
    colours = genre_colours(shown, explanation.genres)
    draw_header(draw, explanation, colours.get(shown[0], GREY) if shown else GREY)
    pixels = spectrum_pixels(spectrum, loudest_columns(evidence, scale))
    image.paste(images.fromarray(pixels), (LEFT, SPECTRUM[0]))
    draw_frequencies(draw, spectrum)
    draw_times(draw, scale)
    if evidence is not None:
        draw_votes(draw, evidence, scale, colours)
        draw_analysed(draw, evidence, scale)
        draw_loudest(draw, evidence, scale, colours[shown[0]])
        draw_legend(draw, explanation, colours)
    draw_footer(draw, explanation)
    return image


def worth_showing(explanation: Explanation) -> list[str]:
    """The names that get a colour: the leading genre, then others by their probability."""
    evidence, best = explanation.evidence, explanation.song.best
    if evidence is None or best is None:
        return []
    names = [
        score.genre
        for score in explanation.song.ranked
        if evidence.vote(score.genre).mean() >= MIN_SHARE
        or evidence.vote(score.genre).max() >= MIN_PEAK
    ]
    return list(dict.fromkeys([best.genre, *names]))


def loudest_columns(evidence: Evidence | None, scale: Scale) -> Bools:
    """Whether a column of the spectrogram has the strongest evidence, (width,)."""
    columns = np.zeros(RIGHT - LEFT, np.bool_)
    frames = [frame_of(evidence, index, scale) for index in evidence.strongest] if evidence else []
    for left, right in frames:
        columns[left - LEFT : right - LEFT] = True
    return columns


def spectrum_pixels(spectrum: LogSpectrum, bright: Bools) -> UInt8:
    """The spectrogram's pixels, (height, width, 3); columns that are not ``bright`` are dimmed."""
    width, height = RIGHT - LEFT, SPECTRUM[1] - SPECTRUM[0]
    images = pillow()
    image = images.fromarray(spectrum.levels).resize((width, height), images.Resampling.BILINEAR)
    levels = np.clip(np.asarray(image), 0, 1)
    steps = np.linspace(0, 1, len(SHADES))
    channels = [np.interp(levels, steps, channel) for channel in np.array(SHADES).T]
    light = np.where(bright | ~bright.any(), 1.0, DIMMED)[:, None]
    pixels: UInt8 = (np.stack(channels, axis=-1) * light).round().astype(np.uint8)
    return pixels


def draw_header(draw: ImageDraw, explanation: Explanation, colour: Colour) -> None:
    """Draw the verdict, large enough for a thumbnail, and the title."""
    draw.rectangle((LEFT - 68, 22, LEFT - 14, 76), fill=colour, outline=INK, width=2)
    room = RIGHT - LEFT
    verdict = fitted(explanation.verdict, VERDICT_SIZE, room)
    draw.text((LEFT, 74), verdict, INK, typeface(VERDICT_SIZE, verdict), "ls", stroke_width=1)
    title = fitted(harmless(explanation.title), TITLE_SIZE, room)
    draw.text((LEFT, 122), title, SOFT, typeface(TITLE_SIZE, title), "ls")


def draw_frequencies(draw: ImageDraw, spectrum: LogSpectrum) -> None:
    """Draw the frequencies at the left of the spectrogram."""
    top, bottom = SPECTRUM
    for hz in TICKS_HZ:
        place = spectrum.row_of(hz)
        if 0.02 <= place <= 0.98:
            y = top + round(place * (bottom - top))
            label = f"{hz // 1_000}k" if hz >= 1_000 else str(hz)
            draw.line((LEFT - 8, y, LEFT - 1, y), SOFT, 2)
            draw.text((LEFT - 14, y), label, SOFT, typeface(SMALL_SIZE), "rm")
    draw.text((LEFT - 14, top + 6), "Hz", SOFT, typeface(SMALL_SIZE), "rm")


def draw_times(draw: ImageDraw, scale: Scale) -> None:
    """Draw the times between both plots."""
    fits = [step for step in TICK_STEPS_S if scale.seconds / step <= MAX_TICKS]
    step = fits[0] if fits else TICK_STEPS_S[-1] * (1 + int(scale.seconds / 36_000))
    y = ANALYSED[1]
    for time_s in np.arange(0, scale.seconds + 1e-6, step).tolist():
        x = scale.x(time_s)
        draw.line((x, y, x, y + 8), SOFT, 2)
        anchor = "la" if time_s == 0 else "ra" if x > RIGHT - 24 else "ma"
        draw.text((x, y + 11), clock(time_s), SOFT, typeface(SMALL_SIZE), anchor)


def draw_votes(
    draw: ImageDraw, evidence: Evidence, scale: Scale, colours: Mapping[str, Colour]
) -> None:
    """Draw each slice's probabilities on top of each other, the leading genre at the bottom."""
    top, bottom = STRIP
    parts = [(evidence.vote(name), colour) for name, colour in colours.items()]
    parts.append((votes_of_others(evidence, colours), GREY))
    for index, (start_s, stop_s) in enumerate(spans(evidence, scale.seconds)):
        left, right = scale.x(start_s), max(scale.x(stop_s), scale.x(start_s) + 1)
        shares = [(float(votes[index]), colour) for votes, colour in parts]
        draw.rectangle((left, top, right - 1, bottom - 1), fill=EMPTY)
        draw_stack(draw, (left, right - 1), shares)
        if right - left > 8:
            draw.line((right - 1, top, right - 1, bottom), PAPER, 1)
    draw.text((LEFT - 14, top), "votes", SOFT, typeface(SMALL_SIZE), "ra")


def draw_stack(
    draw: ImageDraw, columns: tuple[int, int], shares: Sequence[tuple[float, Colour]]
) -> None:
    """Draw one slice's column of votes, from the bottom."""
    top, bottom = STRIP
    reached = 0.0
    for share, colour in shares:
        y = bottom - round(reached * (bottom - top))
        reached = min(reached + share, 1.0)
        y_end = bottom - round(reached * (bottom - top))
        if y_end < y:
            draw.rectangle((columns[0], y_end, columns[1], y - 1), fill=colour)
        if y - y_end > MIN_SEPARATED:
            draw.line((columns[0], y_end, columns[1], y_end), PAPER, 1)


def votes_of_others(evidence: Evidence, colours: Container[str]) -> Float64:
    """The votes of all genres that have no colour, (n_slices,)."""
    others = [index for index, name in enumerate(evidence.names) if name not in colours]
    total: Float64 = evidence.votes[:, others].sum(axis=1)
    return total


def spans(evidence: Evidence, seconds: float) -> list[tuple[float, float]]:
    """Start and end in seconds of each slice's votes: half-way to the next slices, or nearer."""
    middles = evidence.starts_s + evidence.length_s / 2
    usual = float(np.median(np.diff(middles))) if len(middles) > 1 else evidence.length_s
    reach = max(evidence.length_s / 2, MAX_REACH * usual)
    between = (middles[:-1] + middles[1:]) / 2
    starts = np.maximum(np.concatenate([[0.0], between]), middles - reach)
    stops = np.minimum(np.concatenate([between, [seconds]]), middles + reach)
    return list(zip(starts.tolist(), np.maximum(starts, stops).tolist(), strict=True))


def draw_analysed(draw: ImageDraw, evidence: Evidence, scale: Scale) -> None:
    """Draw a bar under the spectrogram, dark where slices were analysed."""
    top, bottom = ANALYSED
    draw.rectangle((LEFT, top, RIGHT - 1, bottom - 1), fill=EMPTY)
    for start_s in evidence.starts_s.tolist():
        right = max(scale.x(start_s + evidence.length_s) - 2, scale.x(start_s) + 1)
        draw.rectangle((scale.x(start_s), top, right, bottom - 1), fill=SOFT)


def frame_of(evidence: Evidence, index: int, scale: Scale) -> tuple[int, int]:
    """The first column of a slice and the one after its last, at least ``MIN_FRAME`` apart."""
    start_s = float(evidence.starts_s[index])
    left = min(scale.x(start_s), RIGHT - MIN_FRAME)
    return left, max(scale.x(start_s + evidence.length_s), left + MIN_FRAME)


def draw_loudest(draw: ImageDraw, evidence: Evidence, scale: Scale, colour: Colour) -> None:
    """Draw frames around the strongest slices of the leading genre, and flags with their rank."""
    top, bottom = SPECTRUM
    for rank, index in reversed(list(enumerate(evidence.strongest, 1))):
        left, right = frame_of(evidence, index, scale)
        line = FRAME_LINE if right - left > 3 * FRAME_LINE else FRAME_LINE // 2
        draw.rectangle((left - 4, top - 4, right + 3, bottom + 1), outline=PAPER, width=2)
        draw.rectangle((left - 2, top - 2, right + 1, bottom - 1), outline=colour, width=line)
        middle = min(max((left + right) // 2, LEFT + 15), RIGHT - 15)
        flag = (middle - 16, top - 20, middle + 15, top + 12)
        draw.rectangle(flag, fill=colour, outline=PAPER, width=2)
        text = INK if sum(colour) > LIGHT else PAPER
        draw.text((middle, top - 4), str(rank), text, typeface(TEXT_SIZE), "mm", stroke_width=1)


def draw_legend(draw: ImageDraw, explanation: Explanation, colours: Mapping[str, Colour]) -> None:
    """Draw the coloured genres with their probabilities, then the meanings of grey and empty."""
    width = (RIGHT - LEFT) // N_LEGEND_COLUMNS
    for index, (name, value, colour) in enumerate(legend(explanation, colours)):
        x = LEFT + index % N_LEGEND_COLUMNS * width
        y = LEGEND_TOP + index // N_LEGEND_COLUMNS * 44
        draw.rectangle((x, y, x + 27, y + 27), fill=colour, outline=INK, width=1)
        label = fitted(harmless(name), TEXT_SIZE, width - 52 - (76 if value else 0))
        draw.text((x + 38, y + 14), f"{label}  {value}", INK, typeface(TEXT_SIZE, label), "lm")


def legend(
    explanation: Explanation, colours: Mapping[str, Colour]
) -> list[tuple[str, str, Colour]]:
    """Name, probability and colour of each entry; ``N_LEGEND`` at most."""
    evidence = explanation.evidence
    if evidence is None:
        return []
    scores = {score.genre: score.probability for score in explanation.song.ranked}
    found = []
    for name, colour in colours.items():
        label = f"{name}, all" if evidence.has_subgenres(name) else name
        found.append((label, percent(scores.get(name, 0.0)), colour))
    rest = 1 - float(evidence.votes.sum(axis=1).mean())
    if float(votes_of_others(evidence, colours).mean()) > UNSEEN:
        found.append(("other genres", "", GREY))
    if rest > UNSEEN and len(found) < N_LEGEND:
        found.append(("something else", "", EMPTY))
    return found[:N_LEGEND]


def draw_footer(draw: ImageDraw, explanation: Explanation) -> None:
    """Draw the reason, the number of slices, and the model."""
    last = f"model {explanation.model}"
    if explanation.evidence is not None:
        slices = count(len(explanation.evidence.votes), "slice")
        last = f"{slices} analysed (dark under the spectrogram), {last}"
    width = RIGHT - LEFT
    reason = wrapped(harmless(explanation.full_reason), SMALL_SIZE, width, N_REASON_LINES)
    lines = [*reason, fitted(harmless(last), SMALL_SIZE, width)]
    for index, text in enumerate(reversed(lines)):
        y = FOOTER_BOTTOM - index * FOOTER_LINE
        draw.text((LEFT, y), text, SOFT, typeface(SMALL_SIZE, text), "lm")
