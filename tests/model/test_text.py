"""Texts for a terminal: what is escaped in them, and how shares are rounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_model.core.text import (
    aligned,
    clipped,
    decimal,
    harmless,
    n_columns,
    padded,
    percent,
    span,
)


@pytest.mark.parametrize(
    "text",
    [
        "宇多田\u3000ヒカル",
        "Sigur\u00a0R\u00f3s",
        "L\u2019\u00e9t\u00e9\u202f!",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    ],
)
def test_spaces_and_joiners_of_any_script_stay(text):
    assert harmless(text) == text
    assert harmless(f"{text}\n") == f"{text}\\n"


@pytest.mark.parametrize(
    "text",
    ["\t", "\r\n", "\x1b[2J", "\x9b", "\u2028", "\u202e", "\u2066", "\ufeff", "\ud800", "\0"],
)
def test_what_could_move_or_turn_the_text_is_escaped(text):
    assert harmless(f"a{text}b").isascii()
    assert harmless(f"a{text}b").isprintable()


@pytest.mark.parametrize(
    ("share", "words"),
    [
        *((0, "0"), (1e-9, "<1"), (0.005, "<1"), (0.0051, "1"), (0.015, "1"), (0.5, "50")),
        *((0.9949, "99"), (0.995, ">99"), (1 - 1e-9, ">99"), (1, "100")),
    ],
)
def test_only_none_is_0_percent_and_only_all_is_100(share, words):
    assert percent(share) == f"{words}\u00a0%"
    assert span(share, share) == f"{words}\u2013{words}\u00a0%"


@given(st.integers(50, 9949))
def test_a_percentage_has_the_digits_of_the_decimal(ten_thousandths):
    share = ten_thousandths / 10_000
    assert percent(share).strip("<\u00a0%").zfill(2) == decimal(share).removeprefix("0.")


ALPHABET = st.sampled_from("aé\u0301ア演カ\u200dラ \u3099")


def test_columns_are_aligned_with_wide_characters():
    rows = [["genre", "now"], ["アニメ", "5"], ["Beyonce\u0301", "12"]]
    assert aligned(rows, "<>") == ["genre    now", "アニメ     5", "Beyonce\u0301   12"]


@given(st.text(ALPHABET, max_size=12), st.integers(1, 12))
def test_what_is_cut_off_fits_and_is_padded_to_its_width(text, width):
    cut = clipped(text, width)
    assert n_columns(cut) <= width
    assert n_columns(padded(cut, width)) == width
    assert cut == text or cut.removesuffix("\u2026") in text


def test_a_long_text_is_cut_off_quickly():
    assert clipped("x" * 1_000_000, 5) == "xxxx\u2026"
