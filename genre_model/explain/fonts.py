"""Letters for pictures: Pillow's own, or a font of the system that has what those lack."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

    Typeface = FreeTypeFont | BitmapFont


# Found by name in the system's folders; the first that has all letters of a text is taken.
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
    """A font of a size in pixels that has the letters of a text, as far as there is one."""
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
    """A font of the system, None where it has none of that name."""
    from PIL import ImageFont

    try:
        return ImageFont.truetype(name, size)
    except (OSError, ImportError):
        return None


def covered(font: Typeface, letters: frozenset[str]) -> frozenset[str]:
    """Those letters for which a font has a shape."""
    nothing = shape(font, NO_CHARACTER)
    return frozenset(c for c in letters if c.isspace() or shape(font, c) != nothing)


@cache
def shape(font: Typeface, letter: str) -> bytes:
    """What a font draws for a letter, with its size."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (64, 64))
    ImageDraw.Draw(image).text((4, 4), letter, 255, font)
    return image.tobytes()


def fitted(text: str, size: int, width: int) -> str:
    """A text, or as much of its beginning as is ``width`` pixels wide, with an ellipsis."""
    text = text[:MAX_LETTERS]
    font = typeface(size, text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + ELLIPSIS) > width:
        text = text[:-1]
    return text.rstrip() + ELLIPSIS
