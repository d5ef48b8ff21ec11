"""The review page in a real browser, if one is installed: keys, clicks, what is seen and sent."""

import socket
import sys

import mediafile
import pytest
from browser import Browser
from chromium import BROWSER
from plugin_files import file_genres
from served import Served, doubtful_library, files_of, genres_of

from beetsplug.cnngenre.review.web.server import opening_file

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="nothing sends Ctrl-C there"),
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on the PATH"),
]

MARKUP = '<script>document.title="x"</script>'
QUOTES = "\"'><img src=x onerror=\"document.title='x'\"> & co."


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One tab for all tests."""
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def page(browser):
    """Opens the page of a library, returns the server: ``page(beet)``."""
    started = []

    def start(beet):
        started.append(Served(beet))
        browser.open("about:blank")
        browser.events.clear()
        browser.look(1280, 900)
        browser.open(started[-1].address)
        browser.wait_for("document.getElementById('title').textContent.trim()")
        return started[-1]

    yield start
    for served in started:
        served.kill()


def title(browser):
    return browser.text("#title")


def decided(browser, n, total=2):
    """Wait until ``n`` of the tracks are decided."""
    left = f", {total - n} left" if n < total else ": all done"
    browser.wait_for(f"document.getElementById('progress').textContent === '{n} decided{left}'")


def picture_is_there(browser):
    browser.wait_for(
        "(image => image.complete && image.naturalWidth === 1280)"
        "(document.getElementById('picture'))"
    )


def test_a_review_with_the_keyboard_alone(browser, doubtful, page):
    beet = doubtful()
    served = page(beet)
    first = title(browser)
    browser.press("a")
    decided(browser, 1)
    second = title(browser)
    assert {first, second} == {"Unsure_1", "Unsure_2"}
    assert genres_of(beet)[first] == browser.text("#said").removeprefix(f"{first}: ") != ""
    third_name = browser.text("#candidates li:nth-child(3) .name")
    browser.press("3")
    decided(browser, 2)
    assert genres_of(beet)[second] == third_name
    assert file_genres(files_of(beet)[second]) == [third_name]
    browser.press("u")
    decided(browser, 1)
    assert title(browser) == second
    assert genres_of(beet)[second] == ""
    assert file_genres(files_of(beet)[second]) == []
    browser.press("s")
    browser.wait_for("document.getElementById('progress').textContent.includes('1 skipped')")
    assert not browser.complaints()
    assert served.end().startswith("accepted 1, corrected 0, skipped 1, left 0, failed 0")


def test_the_end_says_what_was_done_and_what_to_do_next(browser, doubtful, page):
    beet = doubtful()
    page(beet)
    assert not browser.run("document.getElementById('done').checkVisibility()")
    browser.press("a")
    decided(browser, 1)
    browser.press("s")
    browser.wait_for("document.getElementById('done').checkVisibility()")
    assert browser.text("#done-counts").split("\n") == [
        "1 as the model said",
        "1 skipped: they stay unsure",
    ]
    assert "beet cnntrain" in browser.text("#done-next")
    assert not browser.run("document.getElementById('picture').checkVisibility()")
    browser.press("a")  # no effect: no track is shown
    browser.click("#done-skipped")
    decided(browser, 1)
    assert browser.run("document.getElementById('picture').checkVisibility()")
    browser.press("2")
    browser.wait_for("document.getElementById('done').checkVisibility()")
    assert browser.text("#done-counts").split("\n") == [
        "1 as the model said",
        "1 corrected by you",
    ]
    browser.click("#done-undo")
    decided(browser, 1)
    assert browser.run("document.getElementById('title').checkVisibility()")
    assert not browser.complaints()


def test_a_decision_is_for_the_album_where_that_is_asked(browser, doubtful, page):
    beet = doubtful(Unsure_1=None, Unsure_2=None, Unsure_3=None)
    page(beet)
    options = "[...document.querySelectorAll('#scope option')].map(o => o.textContent)"
    assert browser.run(options) == [
        "this track",
        "all 3 unsure tracks of this album",
        "all 3 unsure tracks by this artist",
    ]
    assert browser.run("document.getElementById('scope').value") == "track"
    browser.run("document.getElementById('scope').value = 'album'")
    browser.press("2")
    decided(browser, 3, total=3)
    assert len(set(genres_of(beet).values())) == 1
    browser.press("u")
    decided(browser, 0, total=3)
    assert set(genres_of(beet).values()) == {""}
    assert browser.run("document.getElementById('scope').value") == "track"


def test_in_the_list_of_what_a_decision_is_for_keys_are_the_page_s(browser, doubtful, page):
    beet = doubtful(Unsure_1=None, Unsure_2=None, Unsure_3=None)
    page(beet)
    first, scope = title(browser), "document.getElementById('scope')"
    browser.run(f"{scope}.focus(); {scope}.value = 'album'")
    browser.press("t")  # the list would choose "this track"
    assert browser.run(f"{scope}.value") == "album"
    browser.press("j")
    browser.wait_for(f"document.getElementById('title').textContent !== '{first}'")
    assert browser.run("document.activeElement.id") == "scope"
    pressed = "new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true})"
    for key in ("ArrowDown", "ArrowLeft", "Home", "Enter", " ", "Escape", "Tab"):
        assert browser.run(f"(key => {scope}.dispatchEvent({pressed}))('{key}')"), key
    browser.run(f"{scope}.value = 'album'")
    browser.press("a")  # the list would choose the tracks by this artist
    decided(browser, 3, total=3)
    assert not browser.complaints()


def test_the_library_s_own_genres_complete_what_is_typed(browser, doubtful, page):
    beet = doubtful(Unsure_1=None, Unsure_2=None, Rock=["Shoegaze"])
    page(beet)
    names = browser.run("[...document.querySelectorAll('#genres option')].map(o => o.value)")
    assert names == ["Ambient", "Electronic", "Jazz", "Rock", "Shoegaze"]
    first = title(browser)
    browser.press("o")
    browser.write("shoegaze")
    browser.press("Enter")
    decided(browser, 1)
    assert genres_of(beet)[first] == "Shoegaze"


def test_another_port_of_this_machine_is_sent_nothing(browser, doubtful, page):
    served = page(doubtful())
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(20)
        browser.run(f"location.href = 'http://127.0.0.1:{other.getsockname()[1]}/'")
        connection, _ = other.accept()
        with connection:
            connection.settimeout(20)
            request = connection.recv(65_536).decode()
            connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    assert request.startswith("GET / HTTP/1.1")
    assert served.token not in request
    assert "Cookie" not in request


def test_a_file_opens_the_page(browser, doubtful, page):
    served = page(doubtful())
    with opening_file(served.address) as file:
        browser("Page.navigate", url=file.as_uri())
        browser.wait_for("location.protocol === 'http:'")
        browser.wait_for("document.getElementById('title')?.textContent.trim()")
        assert browser.run("location.href") == served.address
    assert not file.exists()


def test_what_a_lost_answer_said_is_shown_later(browser, doubtful, page):
    beet = doubtful()
    page(beet)
    first = title(browser)
    browser.run(
        "window.real = window.fetch; window.fetch = async (...a) => {"
        " await window.real(...a); window.fetch = window.real; throw new TypeError('lost'); }; 1"
    )
    browser.press("a")
    browser.wait_for("document.getElementById('said').textContent.startsWith('beet does not')")
    decided(browser, 1)
    assert browser.text("#said") == f"{first}: {genres_of(beet)[first]}"


def test_typing_asks_about_a_name_that_the_model_does_not_have(browser, doubtful, page):
    beet = doubtful()
    page(beet)
    first = title(browser)
    browser.press("o")
    browser.write("a1s?")  # these are shortcuts outside the text field
    assert browser.run("document.activeElement.value") == "a1s?"
    browser.run("document.activeElement.value = ''")
    browser.write("Drone Doom")
    browser.press("Enter")
    browser.wait_for("document.getElementById('meant').open")
    assert "\u201cDrone Doom\u201d" in browser.text("#meant-names")
    assert browser.run("document.activeElement.id") == "meant-no"
    browser.press("Escape")
    browser.wait_for("document.activeElement.id === 'typed'")
    assert genres_of(beet) == {"Unsure_1": "", "Unsure_2": ""}
    browser.press("Enter")
    browser.wait_for("document.getElementById('meant').open")
    browser.click("#meant-yes")
    decided(browser, 1)
    assert genres_of(beet)[first] == "Drone Doom"
    assert browser.run("[...document.querySelectorAll('#genres option')].map(o => o.value)") == [
        *("Ambient", "Electronic", "Jazz", "Rock", "Drone Doom"),
    ]
    browser.press("u")  # shortcuts work again
    decided(browser, 0)


def test_clicks_decide_undo_and_choose_from_the_list(browser, doubtful, page):
    beet = doubtful()
    page(beet)
    browser.wait_for("document.querySelector('#rows li:nth-child(2) button')")
    browser.click("#rows li:nth-child(2) button")
    browser.wait_for("document.querySelector('#rows li:nth-child(2) button[aria-current]')")
    second = title(browser)
    browser.click("#candidates li:nth-child(2) button")
    decided(browser, 1)
    name = genres_of(beet)[second]
    assert name
    browser.wait_for("document.querySelector('#rows li:nth-child(2).corrected')")
    assert browser.text("#rows li:nth-child(2) .state") == name
    browser.click("#undo")
    decided(browser, 0)
    assert genres_of(beet)[second] == ""
    assert browser.run("document.getElementById('undo').disabled")


def test_the_track_is_played_from_where_the_spectrogram_is_clicked(browser, doubtful, page):
    page(doubtful(Unsure=None))
    picture_is_there(browser)
    browser.wait_for("document.getElementById('player').duration > 3")
    browser.press(" ")
    browser.wait_for("!document.getElementById('player').paused")
    browser.press(" ")
    browser.wait_for("document.getElementById('player').paused")
    browser.click("#seek")
    time_s = browser.wait_for("document.getElementById('player').currentTime")
    assert 1.5 < time_s < 3.3
    browser.run("document.getElementById('player').pause()")
    browser.press("ArrowLeft")
    browser.wait_for("document.getElementById('player').currentTime === 0")
    browser.wait_for("document.getElementById('playhead').style.left === '0%'")


def test_names_are_text_whatever_is_in_them(browser, doubtful, page):
    beet = doubtful(Unsure=None)
    [path] = files_of(beet).values()
    file = mediafile.MediaFile(path)
    file.title, file.artist, file.album = MARKUP, QUOTES, "</script><b>bold</b>\u202etxt"
    file.save()
    beet("update", "-M")
    page(beet)
    assert title(browser) == MARKUP
    assert browser.text("#by") == f"{QUOTES} \u2013 </script><b>bold</b>\\u202etxt"
    picture_is_there(browser)
    browser.press("o")
    browser.write("<b>Bold</b>")
    browser.press("Enter")
    browser.wait_for("document.getElementById('meant').open")
    assert browser.text("#meant-names") == (
        "Neither the model nor your library has \u201c<b>Bold</b>\u201d. Write it anyway?"
    )
    browser.click("#meant-yes")
    decided(browser, 1, total=1)
    browser.wait_for("document.querySelector('#rows .corrected')")
    assert browser.text("#said") == f"{MARKUP}: <b>Bold</b>"
    assert browser.text("#rows .state") == "<b>Bold</b>"
    assert browser.run("document.title") == "Done - Genre review"
    assert (
        browser.run("document.querySelectorAll('main script, main b, li b, main img').length") == 1
    )
    assert file_genres(path) == ["<b>Bold</b>"]
    assert not browser.complaints()


def test_there_is_no_cookie_and_nothing_comes_from_elsewhere(browser, doubtful, page):
    served = page(doubtful())
    picture_is_there(browser)
    assert browser.run("document.cookie") == ""
    assert len(browser.addresses()) >= 6
    ours = served.address
    own = (ours, "data:")  # the buttons of Chromium's player
    assert [address for address in browser.addresses() if not address.startswith(own)] == []
    assert not browser.complaints()


def test_scripts_that_are_not_the_pages_do_not_run(browser, doubtful, page):
    page(doubtful())
    browser.run(
        "document.body.append(Object.assign(document.createElement('script'),"
        " {textContent: 'document.title = \"x\"'}))"
    )
    assert browser.run("document.title") != "x"
    assert any("Content Security Policy" in text for text in browser.complaints())


def test_another_page_in_the_same_browser_changes_nothing(browser, doubtful, page, tmp_path):
    beet = doubtful()
    served = page(beet)
    track = browser.run("fetch('session').then(r => r.json())")["track"]["id"]
    evil = tmp_path / "evil.html"
    body = f'{{"track": {track}, "genres": ["Rock"]}}'
    address = served.address.rstrip("/")  # even if the other page knew it
    evil.write_text(
        f"""<meta charset=utf-8><iframe src="{address}/"></iframe>
<img id=image src="{address}/tracks/{track}/picture">
<form id=form method=post enctype=text/plain action="{address}/decide" target=frame>
<input name='{body[:-1]}, "text": "' value='"}}'></form><iframe name=frame></iframe>"""
    )
    browser.open(evil.as_uri())
    tried = browser.run(
        f"""(async () => {{
        const send = (options) => fetch("{address}/decide", {{method: "POST", body: `{body}`,
            credentials: "include", ...options}}).then((r) => r.type, () => "refused");
        document.getElementById("form").submit();
        return [
            await send({{headers: {{"Content-Type": "application/json"}}}}),
            await send({{mode: "no-cors"}}),
            await fetch("{address}/session", {{credentials: "include"}}).then(() => "read",
                () => "refused"),
            document.getElementById("image").naturalWidth,
        ]; }})()"""
    )
    assert tried == ["refused", "refused", "refused", 0]
    assert genres_of(beet) == {"Unsure_1": "", "Unsure_2": ""}


def test_an_end_of_beet_is_said(browser, doubtful, page):
    served = page(doubtful())
    served.end()
    browser.press("a")
    browser.wait_for("document.getElementById('said').textContent.startsWith('beet does not')")


@pytest.mark.parametrize("width", [320, 400, 768, 1000, 1280])
def test_the_page_is_never_wider_than_its_window(browser, wide_page, width):
    browser.look(width, 900)
    assert browser.run("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="module")
def wide_page(browser, tmp_path_factory, request):
    """A page with long names."""
    bundle = request.getfixturevalue("pitch_bundle")
    folder = tmp_path_factory.mktemp("wide")
    long = {f"Unsure_{'long ' * 20}{'x' * 90}": None, "Unsure_2": None}
    beet = doubtful_library(folder / "copy", bundle, tmp_path_factory.mktemp, **long)
    served = Served(beet)
    browser.open(served.address)
    browser.wait_for("document.getElementById('title').textContent.trim()")
    yield served
    served.kill()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_letters_are_told_from_their_ground(browser, wide_page, dark, width):
    """The contrast, as defined by WCAG 2, of every element with text of its own is at least 4.5."""
    browser.look(width, 900, dark=dark)
    poor = browser.run(CONTRAST)
    assert poor == []


CONTRAST = """(() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .filter((e) => e.checkVisibility())
    .flatMap((e) => [ground(e), ...(e.parentElement.querySelector(".amount") ?
      [rgb(getComputedStyle(e.parentElement.querySelector(".amount")).backgroundColor)] : [])]
      .map((back) => {
        const [a, b] = [light(rgb(getComputedStyle(e).color)), light(back)];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        return [e.id || e.className || e.tagName, ratio];
      }))
    .filter(([, ratio]) => ratio < 4.5);
})()"""


def test_everything_has_a_name_and_can_be_reached_by_tab(browser, wide_page):
    assert wide_page
    nameless = browser.run(
        "[...document.querySelectorAll('button, input, audio, nav, dialog, section, img')]"
        ".filter(e => !(e.innerText || e.ariaLabel || e.alt || e.labels?.length"
        " || e.getAttribute('aria-labelledby'))).map(e => e.id)"
    )
    assert nameless == []
    browser.look(1280, 900)
    browser.run("document.getElementById('title').focus()")
    outlines = {}
    for _ in range(30):
        browser.press("Tab")
        name = browser.run("document.activeElement.id || document.activeElement.innerText.trim()")
        outlines[name] = browser.run("getComputedStyle(document.activeElement).outlineStyle")
    assert {"player", "typed", "skip", "help"} <= outlines.keys()
    assert outlines["skip"] != "none"
