"""Fonts for pictures: Pillow's own, or a system font with the letters that it lacks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

    Typeface = FreeTypeFont | BitmapFont


# Found by name in the system's folders; the first that lacks the fewest letters is used.
SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "Hiragino Sans GB.ttc",
    "msgothic.ttc",
)

NO_CHARACTER = "\U0010ffff"

MAX_LETTERS = 300

ELLIPSIS = "..."


def typeface(size: int, text: str = "") -> Typeface:
    """The font of ``size`` pixels that has the most letters of a text."""
    own = own_font(size)
    missing = frozenset(text) - covered(own_font(size), frozenset(text))
    if not missing:
        return own
    fonts = [font for name in SYSTEM_FONTS if (font := system_font(name, size)) is not None]
    return min(
        [own, *fonts], key=lambda font: len(frozenset(text) - covered(font, frozenset(text)))
    )


@cache
def own_font(size: int) -> Typeface:
    """The font that comes with Pillow."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


@cache
def system_font(name: str, size: int) -> FreeTypeFont | None:
    """A font of the system, or None if it has none of that name."""
    from PIL import ImageFont

    try:
        return ImageFont.truetype(name, size)
    except (OSError, ImportError):
        return None


def covered(font: Typeface, letters: frozenset[str]) -> frozenset[str]:
    """The letters for which a font has a shape."""
    nothing = shape(font, NO_CHARACTER)
    return frozenset(c for c in letters if c.isspace() or shape(font, c) != nothing)


@cache
def shape(font: Typeface, letter: str) -> bytes:
    """The pixels that a font draws for a letter."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (64, 64))
    ImageDraw.Draw(image).text((4, 4), letter, 255, font)
    return image.tobytes()


def fitted(text: str, size: int, width: int) -> str:
    """A text, shortened to ``width`` pixels with an ellipsis if it is wider."""
    text = text[:MAX_LETTERS]
    font = typeface(size, text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + ELLIPSIS) > width:
        text = text[:-1]
    return text.rstrip() + ELLIPSIS


def wrapped(text: str, size: int, width: int, most: int) -> list[str]:
    """A text as lines of ``width`` pixels, ``most`` at most; the last may be shortened."""
    font = typeface(size, text[:MAX_LETTERS])
    lines: list[str] = []
    rest = text.split(" ")
    while rest and len(lines) < most - 1:
        n = len(rest)
        while n > 1 and font.getlength(" ".join(rest[:n])) > width:
            n -= 1
        lines.append(fitted(" ".join(rest[:n]), size, width))
        rest = rest[n:]
    return [*lines, fitted(" ".join(rest), size, width)] if rest else lines
