"""The page of a report in a real browser, if there is one."""

import html
import re
import subprocess

import pytest
from chromium import BROWSER, SWITCHES
from report_example import SECTIONS, example_report

from genre_model.evaluation.page.render import render_html
from genre_model.evaluation.report import GenreFigures

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on the PATH")

WIDTHS = (360, 400, 768, 1200)
# Measures pages in iframes of several widths, because Chromium's own windows cannot be as narrow as
# a phone.  The pages themselves have no scripts.
RULER = """<!DOCTYPE html><meta charset="utf-8"><body>%s<script>
onload = () => document.querySelectorAll("iframe").forEach(frame => {
  const page = frame.contentDocument.documentElement;
  const said = document.createElement("p");
  said.textContent = `${frame.title} ${page.scrollWidth - page.clientWidth} `;
  document.body.append(said);
});
</script>"""


@pytest.fixture
def browse(tmp_path):
    """A function that runs the browser on a page, and returns what it prints."""

    def run(content, *options):
        page = tmp_path / "page.html"
        page.write_text(content, encoding="utf-8")
        done = subprocess.run(
            [BROWSER, *SWITCHES, f"--user-data-dir={tmp_path}/profile", *options, page.as_uri()],
            capture_output=True,
            timeout=120,
            check=True,
        )
        return done.stdout.decode()

    return run


def crowded_report():
    """A report of thirty genres with long names, and with long words that cannot be broken."""
    genres = tuple(f"{index:02}{' long' * 9}{'name' * 12}" for index in range(30))
    return example_report(
        genres=genres,
        confusion=tuple(tuple(range(100, 130)) for _ in genres),
        per_genre=tuple(GenreFigures(genre, 1_000, 90, 0.5, 0.5, 0.5) for genre in genres),
        bundle_id="x" * 200,
        settings={"key" * 40: "value" * 40},
        split_reason="reason" * 40,
    )


def test_the_browser_sees_every_part_of_the_page(browse):
    dom = browse(render_html(example_report()), "--dump-dom")
    for ident in SECTIONS:
        assert f'<section id="{ident}"' in dom
    assert dom.count("<svg") == 7
    assert "Portishead" in dom
    assert dom.rstrip().endswith("</html>")


def measured(browse, page):
    """The number of pixels by which a page is wider than its window, for each of ``WIDTHS``."""
    frames = "".join(
        f'<iframe title="width {width}" width="{width}" height="900" srcdoc="{html.escape(page)}">'
        "</iframe>"
        for width in WIDTHS
    )
    dom = browse(RULER % frames, "--dump-dom")
    found = re.findall(r"<p>width (\d+) (-?\d+) </p>", dom)
    assert [int(width) for width, _ in found] == list(WIDTHS)
    return [int(excess) for _, excess in found]


@pytest.mark.parametrize("report", [example_report(), crowded_report()], ids=["usual", "crowded"])
def test_the_page_is_never_wider_than_its_window(browse, report):
    assert measured(browse, render_html(report)) == [0] * len(WIDTHS)


def test_the_ruler_finds_what_is_too_wide(browse):
    page = render_html(example_report()).replace("<main>", '<main><p style="min-width:800px">x')
    excess = measured(browse, page)
    assert all(pixels > 0 for pixels in excess[:3])
    assert excess[3] == 0


@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_can_be_pictured(browse, tmp_path, width):
    picture = tmp_path / "page.png"
    browse(render_html(example_report()), f"--window-size={width},900", f"--screenshot={picture}")
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 20_000  # a blank page has 4 kB
