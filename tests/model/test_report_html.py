"""The page of a report: self-contained, well formed, safe, and complete."""

import math
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_example import SECTIONS, example_report

from genre_model.core.specs import UNREACHED_THRESHOLD
from genre_model.core.text import percent
from genre_model.evaluation.metrics import Interval
from genre_model.evaluation.page import render
from genre_model.evaluation.page.charts import count_ticks, share_ticks
from genre_model.evaluation.page.render import MAX_MISTAKES, render_html
from genre_model.evaluation.page.sentences import (
    out_of,
    summary,
    verdict,
    would_more_labels_help,
)
from genre_model.evaluation.report import (
    CoveragePoint,
    Dropped,
    GenreFigures,
    LearningPoint,
    TrackResult,
)

NAN = math.nan
UNKNOWN = Interval(NAN, NAN, NAN)
# Characters that must be escaped on the page: they could hide or reverse the text beside them.
UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
PAYLOADS = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</style></title></svg><svg onload=alert(1)>",
    "]]>--><!-- {{x}} ${x} &amp; &lt; &#x202e;",
    "javascript:alert(1)",
    "\u202egnp.exe\u2066\x00\x1b[31m\r\n\t\x85\u2028\ufeff",
    'https://example.org/?a=1&b="2"',
)


class Page(HTMLParser):
    """The content of a page; fails if tags do not match."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.shape, self.attributes, self.words = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        self.shape.append((tag, *(key for key, _ in attrs)))
        self.attributes += [(tag, key, value) for key, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def values(self, key):
        return [value for _, found, value in self.attributes if found == key]


def shown(**changes):
    return Page(render_html(example_report(**changes))).text


def track(**changes):
    fields = {"path": "/m/a.mp3", "artist": "A", "title": "B", "truth": "Jazz", "answer": "Pop"}
    fields |= {"confidence": 0.9, "ranked": {"Pop": 0.9, "Jazz": 0.1}, "fold": 0}
    return TrackResult(**(fields | changes))


def test_the_page_refers_to_nothing_outside_but_the_users_own_files():
    html = render_html(example_report())
    page = Page(html)
    assert not re.search(r"https?:|url\(|@import|<script|<link|<iframe|\bsrc\s*=", html)
    assert {urlsplit(href).scheme for href in page.values("href")} == {"file"}
    assert not [key for _, key, _ in page.attributes if key.startswith("on") or key == "src"]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page.values("content")


def test_the_page_is_accessible_and_its_parts_are_in_order():
    html = render_html(example_report())
    page = Page(html)
    ids = page.values("id")
    assert len(set(ids)) == len(ids)
    assert [ident for ident in ids if ident in SECTIONS] == list(SECTIONS)
    named = [name for value in page.values("aria-labelledby") for name in value.split()]
    assert set(named) <= set(ids)
    assert '<html lang="en">' in html
    assert html.count("<table") == html.count("<caption")
    assert [tag for tag, *_ in page.shape].count("h1") == 1


def test_every_drawing_is_xml_that_says_what_it_shows():
    drawings = re.findall(r"<svg.*?</svg>", render_html(example_report()), re.DOTALL)
    assert len(drawings) == 7
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert root.get("role") == "img"
        assert root.findtext("title")
        assert root.findtext("desc")
        assert "nan" not in drawing.lower()


def test_it_says_in_a_sentence_what_the_model_is_worth():
    assert shown().count(
        "On tracks of artists it was not trained on, it names the right genre for about 3 of 4 "
        "songs; at thresholds that were chosen on other tracks it answers 62 % of tracks, and 91 % "
        "of those answers are right."
    )


def test_it_says_by_which_threshold_songs_were_answered():
    several = shown()
    assert (
        "songs answered, each by a threshold from the other folds; the model's is 0.58" in several
    )
    assert "with thresholds chosen so on the other folds, 91 % are" in several
    one = shown(n_folds=1)
    assert "songs answered at the threshold, 0.58" in one
    assert "; here 91 % are" in one
    assert "from the other folds" not in one
    assert "at the chosen threshold it answers 62 % of tracks" in one


def test_a_model_that_answers_nothing_is_told_from_its_folds():
    page = shown(threshold=UNREACHED_THRESHOLD)
    assert "from the other folds; the model itself answers nothing" in page
    assert "No threshold is marked." in page
    assert "1.00, is marked" not in page
    one = shown(threshold=UNREACHED_THRESHOLD, n_folds=1, coverage=0.0, precision=UNKNOWN)
    assert "songs answered: there is no threshold" in one


@pytest.mark.parametrize(
    "figure",
    [
        "20261122-4f1c09ab",
        "2026-11-22 18:04 UTC",
        "1,034 tracks",
        "263 artists",
        "Song accuracy74 %",
        "95 % interval 70\u201378 %, baseline 25 %",
        "Coverage62 %",
        "Precision91 %",
        "95 % interval 88\u201394 %, target 90 %",
        "Balanced accuracy71 %",
        "66\u201375 %",
        "Macro F10.70",
        "Slice accuracy61 %",
        "Majority baseline25 %",
        "Calibration error0.031",
        "Classical932390 %95 %0.92",  # tracks, artists, precision, recall, F1
        "Pop taken for Rock (31 of 133)",
        "shipped68 %63 %51 %87 %+6.1 [+2.1, +10.1]",
        "threshold 0.58",
        "rose by 1.9 percentage points",
        "Folds5;",
        "split by artist",
        "epochs 40",
        "only 1 artist; at least 2 are needed",
        "Portishead \u2013 Sour Times",
        "labelled Rock, classified as Electronic 97 %",
        "then Soul 1 %, Rock 1 %, Pop <1 %",
        "it is often the label that is wrong",
    ],
)
def test_the_figures_are_there(figure):
    assert figure.replace(" ", "") in shown().replace(" ", "")


def test_models_are_beside_each_other_only_where_there_are_others():
    assert 'id="models"' not in render_html(example_report(models=()))
    why = "other, the model in use, has another network and was not compared"
    assert why in shown(not_compared=why)


def test_the_confusion_table_holds_every_count_and_shades_by_row():
    html = render_html(example_report())
    cells = re.findall(r'<td class="([^"]*)" style="--v:([\d.]+)">([\d,]+)</td>', html)
    confusion = example_report().confusion
    assert [int(n) for _, _, n in cells] == [n for row in confusion for n in row]
    assert [float(v) for _, v, _ in cells] == pytest.approx(
        [n / sum(row) for row in confusion for n in row], abs=6e-4
    )
    assert [n for kind, _, n in cells if "right" in kind] == [
        str(row[index]) for index, row in enumerate(confusion)
    ]


def hostile_report(name):
    """A report with this name in every text field."""
    genres = (f"{name}1", f"{name}2")
    return example_report(
        bundle_id=name,
        created_utc=f"x{name}",
        architecture=name,
        genres=genres,
        group_by=f"x{name}",
        split_reason=name,
        per_genre=tuple(GenreFigures(genre, 10, 3, 0.5, 0.5, 0.5) for genre in genres),
        confusion=((5, 5), (4, 6)),
        mistakes=(
            track(
                path=f"/music/{name}/a",
                artist=name,
                title=name,
                truth=genres[0],
                answer=genres[1],
                ranked={genres[1]: 0.9, genres[0]: 0.1},
            ),
        ),
        dropped=(Dropped(name, 3, name),),
        settings={name: name},
    )


hostile_names = st.one_of(
    st.sampled_from(PAYLOADS), st.text(min_size=1), st.text("<>&\"'/=`-! \u202e\x00ab", min_size=1)
).filter(str.strip)


@given(hostile_names)
@settings(max_examples=60)
def test_names_are_text_and_never_markup(name):
    html = render_html(hostile_report(name))
    page, harmless = Page(html), Page(render_html(hostile_report("x")))
    assert page.shape == harmless.shape
    assert not UNSEEN.search(html)
    for drawing in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ElementTree.fromstring(drawing)
    assert [urlsplit(href).scheme for href in page.values("href")] == ["file"]


@pytest.mark.parametrize("name", PAYLOADS[:5])
def test_a_hostile_name_is_shown_as_it_is(name):
    page = Page(render_html(hostile_report(name)))
    assert "".join(page.words).count(name) > 10


def test_what_cannot_be_seen_is_made_visible():
    page = shown(bundle_id="a\x00b\n\u202ec\ud800\x85\u3000d")
    assert "a\u2400b\u240a\u27e8U+202E\u27e9c\u27e8U+D800\u27e9\u27e8U+0085\u27e9 d" in page


@pytest.mark.parametrize(
    "path", ["/m/Bj\u00f6rk #1/100% & more?.mp3", "/m/caf\udce9.mp3", "/m/'\""]
)
def test_a_file_is_linked_by_an_address_that_leads_to_it(path):
    html = render_html(example_report(mistakes=(track(path=path),)))
    (href,) = Page(html).values("href")
    assert unquote_to_bytes(href.removeprefix("file://")) == os.fsencode(path)
    assert re.fullmatch(r"file:///[\w./%~&'-]+", href, re.ASCII)
    html.encode()


@pytest.mark.parametrize("path", ["Singles/a.mp3", "", "/m/\ud800.mp3"])
def test_a_path_that_has_no_address_is_text(path):
    assert Page(render_html(example_report(mistakes=(track(path=path),)))).values("href") == []


def test_a_track_without_tags_goes_by_its_file_name():
    page = shown(mistakes=(track(artist="", title="", path="/m/x y.ogg"),))
    assert "unknown artist \u2013 x y.ogg" in page


def test_no_more_than_so_many_mistakes_are_shown():
    page = shown(mistakes=(track(),) * (MAX_MISTAKES + 3))
    assert page.count("labelled Jazz") == MAX_MISTAKES
    assert "3 more mistakes in report.json" in page


def test_a_report_of_almost_nothing_can_be_drawn():
    page = shown(
        genres=("a", "b"),
        confusion=((0, 0), (0, 0)),
        per_genre=(
            GenreFigures("a", 0, 0, None, NAN, NAN),
            GenreFigures("b", 1, 1, None, 0.0, 0.0),
        ),
        song_accuracy=UNKNOWN,
        balanced_accuracy=UNKNOWN,
        precision=UNKNOWN,
        **dict.fromkeys(
            ("macro_f1", "calibration_error", "coverage", "slice_accuracy", "majority_baseline"),
            NAN,
        ),
        reliability=(),
        coverage_curve=(),
        learning_curve=(),
        mistakes=(),
        dropped=(),
        settings={},
    )
    assert page.count("There are no figures to draw.") == 3
    assert page.count("n/a") >= 12
    for sentence in ("It made none.", "All labels were used.", "Cannot say:"):
        assert sentence in page
    assert "nan" not in page


@pytest.mark.parametrize("n_genres", [2, 30])
def test_few_and_many_genres_with_long_names(n_genres):
    genres = tuple(f"{index} {'very long name ' * 8}".strip() for index in range(n_genres))
    page = shown(
        genres=genres,
        confusion=tuple(tuple(range(n_genres)) for _ in genres),
        per_genre=tuple(GenreFigures(genre, 9, 3, None, 0.5, 0.5) for genre in genres),
    )
    assert all(page.count(genre) >= 3 for genre in genres)


@pytest.mark.parametrize("coverage", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("precision", [0.0, 0.4, 1.0])
def test_the_label_of_the_threshold_stays_on_the_drawing(coverage, precision):
    points = (CoveragePoint(0.58, coverage, precision), CoveragePoint(1.0, 0.0, NAN))
    chart = drawn("coverage", coverage_curve=(CoveragePoint(0.0, 1.0, 0.3), *points))
    (label,) = chart.findall("text[@class='label']")
    x, y, end = float(label.get("x")), float(label.get("y")), label.get("text-anchor") == "end"
    assert (x >= 150) if end else (x <= 190)
    assert 10 <= y <= 214


def drawn(name, **changes):
    """One chart of the example's page."""
    html = render_html(example_report(**changes))
    return ElementTree.fromstring(re.search(rf"<svg [^>]*{name}-chart.*?</svg>", html, re.S)[0])


def places(line):
    return [tuple(map(float, spot.split(","))) for spot in line.get("points").split()]


@pytest.mark.parametrize("name", ["reliability", "learning"])
def test_the_dots_are_the_corners_of_their_line(name):
    chart = drawn(name)
    dots = [(float(d.get("cx")), float(d.get("cy"))) for d in chart.findall("circle")]
    assert dots == places(chart.find("polyline[@class='line']"))


@pytest.mark.parametrize("threshold", [0.0, 0.31, 0.58, 0.9, 0.98])
def test_the_chosen_threshold_lies_on_the_curve(threshold):
    chart = drawn("coverage", threshold=threshold, coverage=0.1, precision=Interval(0.2, 0.1, 0.3))
    (dot,) = chart.findall("circle[@class='chosen']")
    x, y = float(dot.get("cx")), float(dot.get("cy"))
    line = np.array(places(chart.find("polyline[@class='line']")))
    assert np.interp(x, line[:, 0], line[:, 1]) == pytest.approx(y, abs=0.3)


def test_a_threshold_beyond_the_curve_is_not_marked():
    assert drawn("coverage", threshold=0.99).findall("circle[@class='chosen']") == []


@pytest.mark.parametrize(
    ("points", "answer"),
    [
        ([(100, 0.5, 0.45, 0.55), (200, 0.7, 0.65, 0.75)], "Yes, very likely."),
        ([(100, 0.5, 0.45, 0.55), (200, 0.53, 0.48, 0.58)], "Perhaps."),
        ([(100, 0.5, 0.45, 0.55), (200, 0.503, 0.46, 0.55)], "Probably not much."),
        ([(100, 0.5, 0.45, 0.55), (200, 0.5, 0.46, 0.55)], "Probably not much."),
        ([(100, 0.5, 0.45, 0.55), (200, 0.495, 0.46, 0.55)], "Probably not much."),
        ([(100, 0.5, 0.45, 0.55), (200, 0.44, 0.4, 0.5)], "There is no sign of it."),
        ([(100, 0.5, NAN, NAN), (200, 0.6, 0.5, 0.7)], "Cannot say:"),
        ([(100, 0.5, 0.4, 0.6), (200, NAN, NAN, NAN)], "Cannot say:"),
        ([(100, 0.5, 0.4, 0.6)], "Cannot say:"),
        ([], "Cannot say:"),
    ],
)
def test_whether_more_labels_would_help(points, answer):
    assert would_more_labels_help([LearningPoint(*point) for point in points]).startswith(answer)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "none of the"),
        (0.001, "hardly any"),
        (0.5, "about 1 of 2"),
        (0.66, "about 2 of 3"),
        (0.75, "about 3 of 4"),
        (0.97, "about 97 of 100"),
        (0.999, "nearly all"),
        (1.0, "all"),
        (NAN, "an unknown number of"),
    ],
)
def test_shares_in_words(share, words):
    assert out_of(share) == words


@pytest.mark.parametrize(
    ("share", "words"), [(0.001, "<1"), (0, "0"), (0.999, ">99"), (1, "100"), (0.745, "74")]
)
def test_a_percentage_never_says_all_or_nothing_wrongly(share, words):
    assert percent(share) == f"{words}\u00a0%"


@pytest.mark.parametrize("group_by", ["album", "song"])
def test_figures_that_flatter_say_so(group_by):
    page = shown(group_by=group_by)
    assert "these figures flatter the model" in page
    assert "artists it was not trained on" not in page


def test_a_model_that_is_no_better_than_guessing_or_misses_its_target_says_so():
    page = shown(song_accuracy=Interval(0.3, 0.2, 0.4), precision=Interval(0.8, 0.7, 0.9))
    assert "not clearly better than always answering with the commonest genre" in page
    assert "was not reached" in page
    assert "warning" not in render_html(example_report()).split("<main>")[1]


def test_a_threshold_that_nothing_reaches():
    report = replace(example_report(), coverage=0.0, precision=UNKNOWN)
    assert verdict(report).endswith("at the chosen threshold it answers none of them.")


def test_of_few_answers_no_share_is_named():
    all_right = Interval(1.0, 0.16, 1.0)
    report = replace(example_report(), n_tracks=50, coverage=0.04, precision=all_right)
    assert verdict(report).endswith(
        "it answers 2 of 50 tracks, too few to say how often it is right."
    )
    assert "right, of those answers: 2 of 2" in summary(report)
    assert "2 of 2</" in render_html(report)


@given(st.floats(0, 1))
def test_an_axis_of_shares_holds_what_is_drawn_on_it(lowest):
    ticks = share_ticks(lowest)
    assert ticks[0] <= lowest or lowest > 0.8
    assert ticks[-1] == 1
    assert 3 <= len(ticks) <= 6


@given(st.integers(0, 10**7))
def test_an_axis_of_counts_holds_what_is_drawn_on_it(highest):
    ticks = count_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-1] >= highest
    assert 2 <= len(ticks) <= 6
    assert all(tick == int(tick) for tick in ticks)


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second):
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_whatever_is_behind_it(mode):
    style = Path(render.__file__).with_name("templates").joinpath("report.css").read_text()
    palette = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[mode]
    colours = {}
    for name, digits in re.findall(r"--(\w+): #(\w+);", palette):
        digits = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
        colours[name] = tuple(int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    heat = [int(part) / 255 for part in re.search(r"--heat: ([\d ]+);", palette)[1].split()]
    most = float(re.search(r"--most: ([\d.]+);", palette)[1])
    deepest = [h * most + s * (1 - most) for h, s in zip(heat, colours["soft"], strict=True)]
    assert contrast(colours["ink"], deepest) >= 4.5
    for behind in ("paper", "soft"):
        for name in ("ink", "muted", "accent"):
            assert contrast(colours[name], colours[behind]) >= 4.5
    assert contrast(colours["mark"], colours["paper"]) >= 3


def test_with_very_many_genres_the_table_is_of_those_with_the_most_songs():
    n = 450
    genres = tuple(f"Genre {i}" for i in range(n))
    confusion = tuple(tuple((1 + i % 3) * (i == k) for k in range(n)) for i in range(n))
    html = render_html(replace(example_report(), genres=genres, confusion=confusion))
    assert html.count('style="--v:') == 100 * 100
    assert "350 more genres in report.json" in html
    assert len(html) < 2_000_000
