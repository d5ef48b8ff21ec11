"""``beet cnnreview --web``: the page's server, tested without a browser."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import mutagen
import pytest
from plugin_files import file_genres
from served import Served, files_of, genres_of, library_of, rows_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing sends Ctrl-C there")

PAGE = Path(__file__).parents[2] / "beetsplug" / "cnngenre" / "review" / "web" / "page"


@pytest.fixture
def serve():
    """Starts servers, and kills those that the test has not ended."""
    started = []

    def start(beet, *arguments, **environment):
        started.append(Served(beet, *arguments, **environment))
        return started[-1]

    yield start
    for served in started:
        served.kill()


SHARED = {}


@pytest.fixture
def shared(doubtful):
    """A server for tests whose attempts to change something must fail."""
    if not SHARED:
        beet = doubtful(Unsure_1=None, Unsure_2=None, Rock=None, Jazz=["Polka"])
        SHARED["served"] = Served(beet)
        SHARED["before"] = library_of(beet)
        SHARED["beet"] = beet
    yield SHARED["served"]
    assert library_of(SHARED["beet"]) == SHARED["before"]


@pytest.fixture(scope="module", autouse=True)
def shared_ends():
    yield
    if SHARED:
        SHARED.pop("served").kill()
        SHARED.clear()


def tags(path):
    """All tags of a file, as mutagen reads them."""
    return {key: repr(value) for key, value in (mutagen.File(path).tags or {}).items()}


def test_what_is_decided_is_written_at_once_and_ctrl_c_sums_up(doubtful, serve):
    beet = doubtful(Unsure_1=None, Unsure_2=None, Unsure_3=None, Rock=None)
    served = serve(beet)
    session = served.get("/session")
    assert session["progress"] == {
        "total": 3, "left": 3, "decided": 0, "accepted": 0, "corrected": 0, "skipped": 0,
        "failed": 0, "gone": 0, "sure": 0, "can_undo": False,
    }  # fmt: skip
    first = session["track"]
    second = served.post("/decide", track=first["id"], genres=[first["best"]])["track"]
    assert file_genres(files_of(beet)[first["title"]]) == [first["best"]]
    assert genres_of(beet)[first["title"]] == first["best"]
    other = second["ranked"][2]["genre"]
    third = served.post("/decide", track=second["id"], genres=[other])["track"]
    answer = served.post("/skip", track=third["id"])
    assert answer["progress"]["left"] == 0
    assert served.end().startswith("accepted 1, corrected 1, skipped 1, left 0, failed 0 in 0:")
    genres = {"Rock": "Rock", first["title"]: first["best"], second["title"]: other}
    assert genres_of(beet) == genres | {third["title"]: ""}
    for title, path in files_of(beet).items():
        expected = [genres[title]] if title in genres and title != "Rock" else []
        assert file_genres(path) == expected
    reviewed = rows_of(beet, "SELECT value FROM item_attributes WHERE key = 'cnngenre_reviewed'")
    assert {row["value"] for row in reviewed} == {first["best"], other}


def test_typed_names_are_taken_for_what_they_say_and_new_ones_asked_about_once(doubtful, serve):
    beet = doubtful(Unsure_1=None, Unsure_2=None, Rock=["Shoegaze"])
    served = serve(beet)
    session = served.get("/session")
    first = session["track"]
    assert session["genres"] == ["Ambient", "Electronic", "Jazz", "Rock", "Shoegaze"]
    assert served.post("/decide", 400, track=first["id"], text=" ; ")["error"]
    text = "jAzZ; SHOEGAZE; 2 Tone; Drone Doom"
    answer = served.post("/decide", track=first["id"], text=text)
    assert answer == {"unknown": ["2 Tone", "Drone Doom"]}
    assert genres_of(beet)[first["title"]] == ""
    answer = served.post("/decide", track=first["id"], text=text, meant=True)
    assert answer["new_names"] == ["2 Tone", "Drone Doom"]
    served.post("/decide", track=answer["track"]["id"], text="Drone Doom")
    assert served.end().startswith("accepted 0, corrected 2")
    assert genres_of(beet) == {
        "Rock": "Shoegaze",
        first["title"]: "Jazz; Shoegaze; 2 Tone; Drone Doom",
        answer["track"]["title"]: "Drone Doom",
    }


@pytest.mark.parametrize("scope", ["album", "artist"])
def test_a_decision_for_an_album_or_artist_is_one_and_is_taken_back_as_one(doubtful, serve, scope):
    beet = doubtful(Unsure_1=None, Unsure_2=None, Unsure_3=None, Rock=None)
    elsewhere = {"album": "Unsure_3", "artist": "Unsure_2"}[scope]
    beet("modify", "-y", "-W", "-M", f"title:{elsewhere}", "artist=Somebody")
    served = serve(beet)
    before = library_of(beet)
    by_title = {row["title"]: row["id"] for row in served.get("/tracks")}
    fellows = served.get(f"/tracks/{by_title['Unsure_1']}")["fellows"]
    n_fellows = {"album": 2, "artist": 1}[scope]
    assert (fellows["track"], fellows[scope]) == (0, n_fellows)
    answer = served.post("/decide", track=by_title["Unsure_1"], genres=["Jazz"], scope=scope)
    plural = "s" if n_fellows > 1 else ""
    assert answer["said"] == f"Unsure_1 and {n_fellows} other{plural}: Jazz"
    genres = genres_of(beet)
    given = {title for title, genre in genres.items() if genre == "Jazz"}
    assert given == {"Unsure_1", "Unsure_3"} | ({"Unsure_2"} if scope == "album" else set())
    for title in given:
        assert file_genres(files_of(beet)[title]) == ["Jazz"]
    answer = served.post("/undo")
    assert answer["said"].endswith(f"and {n_fellows} other{plural}: taken back")
    assert answer["progress"]["can_undo"] is False
    assert library_of(beet) == before
    assert served.end().startswith("accepted 0, corrected 0, skipped 0, left 3")


def test_what_was_decided_before_is_not_overruled_by_a_decision_for_the_album(doubtful, serve):
    beet = doubtful()
    served = serve(beet)
    first, second = served.get("/tracks")
    served.post("/decide", track=first["id"], genres=["Rock"])
    served.post("/decide", track=second["id"], genres=["Jazz"], scope="album")
    assert genres_of(beet) == {first["title"]: "Rock", second["title"]: "Jazz"}


def test_skipped_ones_are_gone_through_again(doubtful, serve):
    served = serve(doubtful())
    for row in served.get("/tracks"):
        answer = served.post("/skip", track=row["id"])
    assert answer["progress"]["left"] == 0
    answer = served.post("/again")
    assert answer["progress"]["left"] == 2
    assert (answer["progress"]["left"], answer["track"]["id"]) == (
        2,
        served.get("/tracks")[0]["id"],
    )


KINDS = ("mp3", "flac", "aac", "opus", "wav16", "wma")


def test_undo_restores_tracks_files_and_albums_exactly(doubtful, serve):
    beet = doubtful(kinds=KINDS, **{f"Unsure_{kind}": None for kind in KINDS})
    beet.config["cnngenre"] |= {"album_genre": True}
    beet("modify", "-y", "-W", "title:Unsure_mp3", "comments=the library knows more")
    Served(beet).end()  # this run notes what it extracts
    everything = lambda: ({t: tags(p) for t, p in files_of(beet).items()}, library_of(beet))  # noqa: E731
    before = everything()
    served = serve(beet)
    track = served.get("/session")["track"]
    for number in range(len(KINDS)):
        genre = "Jazz" if number else "Rock"
        track = served.post("/decide", track=track["id"], genres=[genre])["track"]
    served.post("/decide", track=track["id"], genres=["Ambient"])  # decided once more
    after = everything()
    assert all(after[0][title] != before[0][title] for title in after[0])
    assert rows_of(beet, "SELECT genres FROM albums") == [{"genres": "Jazz"}]
    for _ in range(len(KINDS) + 1):
        assert served.post("/undo")["said"].endswith(": taken back")
    assert everything() == before
    served.post("/undo", 409)
    assert served.end().startswith("accepted 0, corrected 0, skipped 0, left 6")


def test_undo_leaves_what_others_have_changed_since(doubtful, serve):
    beet = doubtful()
    served = serve(beet)
    first = served.get("/session")["track"]
    second = served.post("/decide", track=first["id"], genres=["Jazz"])["track"]
    served.post("/decide", track=second["id"], genres=["Jazz"])
    beet("modify", "-y", f"title:{second['title']}", "genres=Noise")
    beet("modify", "-y", f"title:{first['title']}", "artist=Somebody")
    assert "changed elsewhere" in served.post("/undo")["said"]
    assert served.post("/undo")["said"] == f"{first['title']}: taken back"
    served.end()
    assert genres_of(beet) == {first["title"]: "", second["title"]: "Noise"}
    file = mutagen.File(files_of(beet)[first["title"]])
    assert (file["TPE1"].text, "TCON" in file) == (["Somebody"], False)


def test_without_writing_files_stay_as_they_are_to_the_byte(doubtful, serve):
    beet = doubtful(Unsure=None)
    content = files_of(beet)["Unsure"].read_bytes()
    before = library_of(beet)
    served = serve(beet, "-W")
    track = served.get("/session")["track"]
    served.post("/decide", track=track["id"], genres=["Jazz"])
    assert genres_of(beet) == {"Unsure": "Jazz"}
    served.post("/undo")
    served.end()
    assert library_of(beet) == before
    assert files_of(beet)["Unsure"].read_bytes() == content


@pytest.mark.parametrize("how", [["modify", "-y", "genres=Noise"], ["remove", "-f"]])
def test_what_was_changed_elsewhere_meanwhile_is_left_alone(doubtful, serve, how):
    beet = doubtful()
    served = serve(beet)
    track = served.get("/session")["track"]
    beet(*how, f"title:{track['title']}")
    answer = served.post("/decide", track=track["id"], genres=["Jazz"])
    assert "changed elsewhere" in answer["said"]
    assert answer["track"]["id"] != track["id"]
    served.get(f"/tracks/{track['id']}")
    assert served.end().startswith("accepted 0, corrected 0, skipped 0, left 1, failed 0")
    assert "Jazz" not in genres_of(beet).values()


def test_a_file_that_cannot_be_written_changes_nothing_and_can_be_tried_again(doubtful, serve):
    beet = doubtful(Unsure=None)
    beet("modify", "-y", "title=Jazz")  # the plugin unwritable refuses to write this track
    beet.config["plugins"] = ["cnngenre", "unwritable"]
    before = library_of(beet)
    served = serve(beet)
    track = served.get("/session")["track"]
    for _ in range(2):
        answer = served.post("/decide", 409, track=track["id"], genres=["Rock"])
        assert answer["error"] == "The file of Jazz cannot be written; nothing has changed."
    assert served.end().startswith("accepted 0, corrected 0, skipped 0, left 0, failed 1")
    assert library_of(beet) == before


def test_a_library_that_is_in_use_is_a_sentence_and_can_be_tried_again(doubtful, serve):
    beet = doubtful(Unsure=None)
    beet.config["timeout"] = 0.2
    served = serve(beet)
    track = served.get("/session")["track"]
    connection = sqlite3.connect(beet.home / "library.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    answer = served.post("/decide", 503, track=track["id"], genres=["Rock"])
    assert "database is locked" in answer["error"]
    connection.execute("ROLLBACK")
    connection.close()
    served.post("/decide", track=track["id"], genres=["Rock"])
    assert served.end().startswith("accepted 0, corrected 1")
    assert genres_of(beet) == {"Unsure": "Rock"}


@pytest.mark.parametrize("when", ["decide", "undo"])
def test_a_library_that_is_locked_while_an_album_is_updated_loses_no_decision(
    doubtful, serve, when
):
    beet = doubtful(Unsure=None)
    beet.config["cnngenre"] |= {"album_genre": True}
    beet.config |= {"plugins": ["cnngenre", "lockedalbum"], "lockedalbum": when, "timeout": 0.2}
    Served(beet).end()  # this run notes what it extracts
    before = library_of(beet)
    served = serve(beet)
    track = served.get("/session")["track"]
    answer = served.post("/decide", track=track["id"], genres=["Rock"])
    assert (answer["progress"]["decided"], answer["said"]) == (1, "Unsure: Rock")
    assert genres_of(beet) == {"Unsure": "Rock"}
    album = {"decide": "", "undo": "Rock"}[when]
    assert rows_of(beet, "SELECT genres FROM albums") == [{"genres": album}]
    answer = served.post("/undo")
    assert (answer["progress"]["decided"], answer["said"]) == (0, "Unsure: taken back")
    assert not answer["progress"]["can_undo"]
    assert genres_of(beet) == {"Unsure": ""}
    assert file_genres(files_of(beet)["Unsure"]) == []
    assert rows_of(beet, "SELECT genres FROM albums") == [{"genres": album}]
    assert when == "undo" or library_of(beet) == before
    assert served.end().startswith("accepted 0, corrected 0, skipped 0, left 1")
    [line] = served.errors.splitlines()
    assert line.endswith(
        "Unsure: its album keeps its genre, because the library cannot be used: database is locked"
    )


def test_a_decision_that_failed_at_first_can_be_undone(doubtful, serve):
    beet = doubtful(Unsure=None)
    served = serve(beet)
    track = served.get("/session")["track"]
    file = files_of(beet)["Unsure"]
    away = file.rename(file.with_name("away"))
    served.post("/decide", 409, track=track["id"], genres=["Rock"])
    away.rename(file)
    served.post("/decide", track=track["id"], genres=["Rock"])
    answer = served.post("/undo")
    assert (answer["progress"]["left"], answer["said"]) == (1, "Unsure: taken back")
    assert genres_of(beet) == {"Unsure": ""}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("name", [b"caf\xe9.wav", b"a\nb.wav", "caf\u00e9 \u266b.wav".encode()])
def test_a_file_of_any_name_is_played(doubtful, serve, name):
    beet = doubtful(Unsure=None)
    file = files_of(beet)["Unsure"]
    content = file.read_bytes()
    [row] = rows_of(beet, "SELECT path FROM items")
    file.rename(file.parent / os.fsdecode(name))
    with sqlite3.connect(beet.home / "library.db") as connection:
        renamed = os.path.join(os.path.dirname(row["path"]), name)  # noqa: PTH118, PTH120
        connection.execute("UPDATE items SET path = ?", (renamed,))
    connection.close()
    served = serve(beet)
    track = served.get("/session")["track"]
    status, headers, sent = served.send("GET", f"/tracks/{track['id']}/audio")
    assert (status, headers["Content-Type"], sent == content) == (200, "audio/wav", True)
    served.end()


def test_parts_of_the_audio_are_sent(doubtful, serve):
    beet = doubtful()
    served = serve(beet)
    track = served.get("/session")["track"]
    content = files_of(beet)[track["title"]].read_bytes()
    path = f"/tracks/{track['id']}/audio"
    status, headers, whole = served.send("GET", path)
    assert (status, headers["Content-Type"], whole == content) == (200, "audio/wav", True)
    status, headers, part = served.send("GET", path, Range="bytes=1000-1999")
    assert (status, part == content[1000:2000]) == (206, True)
    assert headers["Content-Range"] == f"bytes 1000-1999/{len(content)}"
    status, _, _ = served.send("GET", path, Range=f"bytes={len(content)}-")
    assert status == 416
    files_of(beet)[track["title"]].unlink()
    assert served.get(path, 404)["error"] == "The file cannot be read."
    assert served.get(f"/tracks/{track['id']}/picture", 404)["error"].startswith("No picture: ")


def test_the_picture_is_the_explanation(doubtful, serve):
    beet = doubtful(Unsure=None)
    served = serve(beet)
    track = served.get("/session")["track"]
    path = f"/tracks/{track['id']}/picture"
    status, headers, content = served.send("GET", path)
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")) == (
        1280,
        860,
    )
    files_of(beet)["Unsure"].unlink()
    assert served.send("GET", path)[2] == content  # the picture was kept
    before = library_of(beet)
    assert (
        "cannot be written" in served.post("/decide", 409, track=track["id"], text="Rock")["error"]
    )
    assert served.end().startswith("accepted 0, corrected 0, skipped 0, left 0, failed 1")
    assert library_of(beet) == before


def test_the_picture_is_of_the_review_s_model_and_names(doubtful, serve):
    beet = doubtful(Unsure=None, Jazz=["Shoegaze"])
    served = serve(beet)
    track = served.get("/session")["track"]
    beet("modify", "-y", "title:Jazz", f"genres={track['best'].upper()}")
    status, headers, _ = served.send("GET", f"/tracks/{track['id']}/picture")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    served.end()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are counted by their parents")
def test_what_draws_ends_when_it_has_nothing_to_do_and_begins_again(doubtful, serve):
    beet = doubtful()
    beet.config["plugins"] = ["cnngenre", "soonidle"]
    served = serve(beet)
    for track in served.get("/tracks"):
        status, _, content = served.send("GET", f"/tracks/{track['id']}/picture")
        assert (status, content[:4]) == (200, b"\x89PNG")
        end = time.monotonic() + 60
        while workers_of(served.process.pid):
            assert time.monotonic() < end
            time.sleep(0.05)
    assert served.end().startswith("accepted 0")


def workers_of(pid):
    """The ids of the workers of a process: Python starts them through a child process."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # the process has just ended
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(path.parent.name)] = int(parent)
    return [child for child, parent in parents.items() if parents.get(parent) == pid]


def test_only_the_tracks_in_doubt_are_the_pages_business(shared):
    served = shared
    track, second = served.get("/tracks")
    ids = {row["id"] for row in rows_of(SHARED["beet"], "SELECT id FROM items")}
    others = ids - {track["id"], second["id"]}
    assert len(others) == 2
    for other in (*others, 0, 999999999999999999999):
        for what in ("", "/audio", "/picture"):
            served.get(f"/tracks/{other}{what}", 404)
        served.post("/decide", 404, track=other, genres=["Rock"])
        served.post("/skip", 404, track=other)
    secret = SHARED["beet"].home / "config.yaml"
    for path in (
        f"/tracks/{track['id']}/../../../../../../../..{secret}",
        f"/tracks/..%2f..%2f..%2f..{secret}/audio",
        f"/..%2f..%2f..{secret}",
        f"/%2e%2e/%2e%2e{secret}",
        f"//{secret}",
        "/page.js/../serve.py",
        "/tracks/-1/audio",
        f"/tracks/{track['id']}.0/audio",
    ):
        status, _, content = served.send("GET", path)
        assert status in (404, 308), path
        assert b"plugins" not in content


def wrong_tokens(served):
    yield from ("", "x", served.token[:-1], served.token + "x", served.token.swapcase(), "%c3%a9")


def test_nobody_comes_in_without_the_token(shared):
    served = shared
    pages = ("/", "/page.css", "/page.js", "/session", "/tracks", "/tracks/1", "/tracks/1/audio")
    pages = (*pages, "/tracks/1/picture", "/icon", "/nowhere", "/static/page.js")
    cookies = {"Cookie": f"cnngenre_{served.port}={served.token}; token={served.token}"}
    for path in (*pages, *(f"/{token}{page}" for token in wrong_tokens(served) for page in pages)):
        for also in ("", f"?token={served.token}"):
            status, headers, content = served.send("GET", path + also, at_root=True, **cookies)
            assert (status, headers["Set-Cookie"]) == (403, None), path
            assert content == b"Open this page with the address that beet has printed.\n"
    assert served.send("POST", "/decide", "{}", at_root=True, **cookies)[0] == 403


def test_the_secret_is_in_no_cookie_which_other_ports_would_be_sent(shared):
    served = shared
    track = served.get("/session")["track"]["id"]
    assert len(served.token) >= 43
    for path in ("/", "/page.js", "/session", f"/tracks/{track}/audio", "/nowhere"):
        assert served.send("GET", path)[1]["Set-Cookie"] is None
    status, _, content = served.send("GET", "/")
    assert (status, content) == (200, (PAGE / "page.html").read_bytes())


def test_every_answer_has_the_headers_that_keep_others_out(shared):
    served = shared
    track = served.get("/session")["track"]["id"]
    paths = ["/", "/page.css", "/page.js", "/session", f"/tracks/{track}/audio", "/nowhere"]
    answers = [served.send("GET", path)[1] for path in paths]
    answers += [served.send("GET", "/", at_root=True)[1]]
    answers += [served.send("GET", "/", Host="evil.example")[1]]
    for headers in answers:
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Access-Control-Allow-Origin"] is None
    assert {p: served.send("GET", p)[1].get_content_type() for p in paths[:4]} == {
        "/": "text/html",
        "/page.css": "text/css",
        "/page.js": "text/javascript",
        "/session": "application/json",
    }


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "localhost", "127.0.0.1"])
def test_a_name_that_leads_here_is_not_enough(shared, host):
    served = shared
    host = host.format(port=served.port)
    for path in ("/", "/session"):
        status, headers, _ = served.send("GET", path, Host=host)
        assert (status, headers["Set-Cookie"]) == (403, None)


JSON = "application/json"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", "Content_Type": JSON},
        {"Origin": "http://127.0.0.1:1", "Content_Type": JSON},
        {"Origin": "null", "Content_Type": JSON},
        {"Content_Type": JSON},
        {"Origin": "OURS", "Content_Type": JSON, "Sec_Fetch_Site": "cross-site"},
        {"Origin": "OURS", "Content_Type": JSON, "Sec_Fetch_Site": "same-site"},
        {"Origin": "OURS", "Content_Type": "text/plain"},
        {"Origin": "OURS", "Content_Type": "application/x-www-form-urlencoded"},
        {"Origin": "OURS"},
    ],
)
def test_another_page_changes_nothing_even_with_the_token(shared, headers):
    served = shared
    track = served.get("/session")["track"]["id"]
    ours = f"http://{served.host}"
    headers = {name: ours if value == "OURS" else value for name, value in headers.items()}
    bodies = {"/decide": {"track": track, "genres": ["Rock"]}, "/skip": {"track": track}}
    for path, content in (bodies | {"/undo": {}}).items():
        assert served.send("POST", path, json.dumps(content), **headers)[0] in (403, 415)
    assert served.get("/session")["progress"]["left"] == 2


def test_another_page_reads_nothing_even_with_the_token(shared):
    served = shared
    track = served.get("/session")["track"]["id"]
    for path in ("/session", f"/tracks/{track}/audio", f"/tracks/{track}/picture", "/page.js"):
        assert served.send("GET", path, Sec_Fetch_Site="same-site")[0] == 403
        assert served.send("HEAD", path, Sec_Fetch_Site="same-origin")[0] == 200
    opened = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert served.send("GET", "/", **opened, Sec_Fetch_Dest="document")[0] == 200
    assert served.send("GET", "/", **opened, Sec_Fetch_Dest="iframe")[0] == 403
    assert served.send("GET", "/session", **opened, Sec_Fetch_Dest="document")[0] == 403


def test_changes_are_posts_of_a_certain_shape(shared):
    served = shared
    track = served.get("/session")["track"]["id"]
    for path in ("/decide", "/skip", "/undo"):
        for method in ("GET", "HEAD"):
            assert served.send(method, f"{path}?track={track}&genres=Rock")[0] == 405
    ours = {"Origin": f"http://{served.host}", "Content_Type": JSON}
    for method in ("PUT", "DELETE", "PATCH"):
        assert served.send(method, "/decide", "{}", **ours)[0] == 405
    for content in (
        "",
        "{",
        "[]",
        "null",
        '{"track": "1"}',
        '{"track": 1.5}',
        json.dumps({"track": track, "genres": "Rock"}),
        json.dumps({"track": track, "genres": [1]}),
        json.dumps({"track": track, "genres": ["Never Offered"]}),
        json.dumps({"track": track}),
        b"\xff\xfe",
        b'{"track": 1, "text": "\xff"}',
        "[" * 60_000,
        '{"a":' * 10_000,
        '{"track": 1, "x": ' + "[" * 20_000,
        '{"track": ' + "9" * 60_000 + "}",
        '{"track": 1e999}',
        json.dumps({"track": track, "text": "Rock", "scope": "everything"}),
        b'{"track": 1, "text": "\\ud800"}',
    ):
        assert served.send("POST", "/decide", content, **ours)[0] == 400, content
    big = json.dumps({"track": track, "text": "x" * 100_000})
    assert served.send("POST", "/decide", big, **ours)[0] == 413


def test_nothing_listens_for_other_machines(shared):
    served = shared
    assert served.host == f"127.0.0.1:{served.port}"
    found = [
        address
        for *_, (address, *_) in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        if not address.startswith("127.")
    ]
    for address in {*found, "127.0.0.2"} if sys.platform == "linux" else found:
        with pytest.raises(OSError):
            socket.create_connection((address, served.port), timeout=2)


def test_a_port_can_be_chosen_and_one_in_use_is_a_sentence(doubtful, serve):
    beet = doubtful(Unsure=None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        beet("cnnreview", "--web", "--port", port, status=1)
        [line] = beet.errors.splitlines()
        assert f"cnngenre: cannot listen on port {port}: " in line
    assert serve(beet, "--port", port).port == port
    beet("cnnreview", "--web", "--port", "65536", status=1)
    assert "there is no port 65536" in beet.errors


def test_without_flask_it_is_a_sentence(doubtful, tmp_path, monkeypatch):
    beet = doubtful(Unsure=None)
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "flask.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "gone"))
    beet("cnnreview", "--web", status=1)
    [line] = beet.errors.splitlines()
    assert line.endswith("cnnreview: --web needs Flask: pip install 'beets-cnngenre[web]'")


def test_without_doubts_it_says_so_and_ends(doubtful):
    beet = doubtful(Rock=None)
    output = beet("cnnreview", "--web")
    assert output.splitlines()[0] == "no tracks are unsure"
    assert output.splitlines()[1].startswith("accepted 0, corrected 0, skipped 0, left 0")


def test_pretending_lists_the_order(doubtful):
    output = doubtful()("cnnreview", "--web", "-p")
    assert "Artist - Album - Unsure_1: 1. " in output
    assert output.splitlines()[-1].startswith(
        "pretended: accepted 0, corrected 0, skipped 0, left 2"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="opened by another program there")
def test_a_browser_is_opened_only_if_asked_and_no_secret_is_on_a_command_line(
    doubtful, serve, tmp_path
):
    beet = doubtful(Unsure=None)
    opener, log = tmp_path / "bin" / "xdg-open", tmp_path / "opened"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    opener.chmod(0o755)
    path = {"PATH": f"{opener.parent}:/usr/bin:/bin"}
    serve(beet, **path).end()
    assert not log.exists()
    served = serve(beet, "--open", **path)
    end = time.monotonic() + 20
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < end:
        time.sleep(0.05)
    assert served.token not in log.read_text()
    assert "http" not in log.read_text()
    file = Path(log.read_text().strip())
    assert f"url={served.address}" in file.read_text()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    served.end()
    assert not file.parent.exists()


def test_a_connection_on_which_nothing_comes_is_ended(doubtful, serve, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Short:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'beetsplug.cnngenre.review.web.routes':\n"
        "            sys.modules['beetsplug.cnngenre.review.web.server'].IDLE_S = 1.0\n"
        "sys.meta_path.insert(0, Short())\n"
    )
    served = serve(doubtful(), PYTHONPATH=str(tmp_path))
    for begin in (b"", b"GET / HTTP/1.1\r\nHost: ", b"POST /decide HTTP/1.1\r\n"):
        with socket.create_connection(("127.0.0.1", served.port)) as idle:
            idle.sendall(begin)
            idle.settimeout(10)
            assert idle.recv(1_000) == b""
    head = (
        f"POST {served.prefix}/skip HTTP/1.1\r\nHost: {served.host}\r\n"
        f"Origin: http://{served.host}\r\nContent-Type: {JSON}\r\nContent-Length: 100\r\n\r\n{{"
    )
    with socket.create_connection(("127.0.0.1", served.port)) as idle:
        idle.sendall(head.encode())
        idle.settimeout(10)
        answer = idle.recv(1_000)
        assert b" 500 " not in answer
    assert served.get("/session")["progress"]["left"] == 2


def test_a_decision_that_has_waited_too_long_is_not_made_later(doubtful, serve, tmp_path):
    """beets waits long for the locked library, and a second decision waits behind the first."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Short:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'beetsplug.cnngenre.review.web.routes':\n"
        "            sys.modules['beetsplug.cnngenre.review.web.server'].MAX_WAIT_S = 1.0\n"
        "sys.meta_path.insert(0, Short())\n"
    )
    beet = doubtful()
    beet.config["timeout"] = 30
    served = serve(beet, PYTHONPATH=str(tmp_path))
    first, second = served.get("/tracks")
    connection = sqlite3.connect(beet.home / "library.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(1) as other:
        begun = other.submit(served.post, "/decide", track=first["id"], genres=["Rock"])
        time.sleep(0.5)
        answer = served.post("/decide", 503, track=second["id"], genres=["Jazz"])
        assert answer["error"] == "The library is busy; nothing was done. Try again."
        connection.execute("ROLLBACK")
        connection.close()
        assert begun.result()["progress"]["decided"] == 1  # a decision that has begun is completed
    assert served.get("/session")["progress"]["decided"] == 1
    assert served.get("/session")["said"] == f"{first['title']}: Rock"
    assert served.end().startswith("accepted 0, corrected 1, skipped 0, left 1")
    assert genres_of(beet) == {first["title"]: "Rock", second["title"]: ""}


def test_ten_thousand_tracks_are_few_at_a_time_and_not_extracted(doubtful, serve):
    beet = doubtful(Unsure=None)
    multiply(beet, 10_000)
    files_of(beet)["Unsure"].unlink()  # an extraction would fail
    began = time.monotonic()
    served = serve(beet)
    session_s = []
    for path in ("/session", "/tracks?start=0&count=50", "/tracks?start=9990&count=999999"):
        start = time.monotonic()
        _, _, content = served.send("GET", path)
        session_s.append(time.monotonic() - start)
        assert len(content) < 20_000
    print(f"start {start - began:.1f} s, answers {session_s}")
    assert len(served.get("/tracks?count=100000")) == 100
    assert [row["place"] for row in served.get("/tracks?start=9998")] == [9998, 9999]
    assert served.get("/tracks?start=-5&count=1")[0]["place"] == 0
    assert served.get("/tracks?start=20000") == []
    track = served.get("/session")["track"]
    start = time.monotonic()
    status, _, content = served.send(
        "POST", "/skip", json.dumps({"track": track["id"]}), Content_Type=JSON,
        Origin=f"http://{served.host}",
    )  # fmt: skip
    print(f"a decision {time.monotonic() - start:.3f} s, {len(content)} bytes")
    assert (status, len(content) < 5_000) == (200, True)
    assert max(session_s) < 2
    assert served.end().startswith("accepted 0, corrected 0, skipped 1, left 9999, failed 0")


def multiply(beet, n):
    """Copy a library's only track until there are ``n``, with other titles and artists."""
    with sqlite3.connect(beet.home / "library.db") as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(items)")]
        [track] = connection.execute("SELECT id FROM items").fetchone()
        special = {"id": ":n", "title": "'Track ' || :n", "artist": "'Artist ' || (:n / 10)"}
        fields = ", ".join(special.get(name, f'"{name}"') for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        connection.executemany(
            f"INSERT INTO items ({names}) SELECT {fields} FROM items WHERE id = {track}",
            [{"n": track + i} for i in range(1, n)],
        )
        connection.executemany(
            "INSERT INTO item_attributes (entity_id, key, value) "
            f"SELECT ?, key, value FROM item_attributes WHERE entity_id = {track}",
            [(track + i,) for i in range(1, n)],
        )
    connection.close()


@pytest.mark.parametrize("builder", ["wheel.WheelBuilder", "sdist.SdistBuilder"])
def test_the_pages_are_in_what_is_published(tmp_path, builder):
    root = Path(__file__).parents[2]
    for part in ("beetsplug", "genre_model", "README.md", "LICENSE", "pyproject.toml"):
        copy = shutil.copytree if (root / part).is_dir() else shutil.copy
        copy(root / part, tmp_path / part)
    module, name = builder.split(".")
    code = (
        f"from hatchling.builders.{module} import {name}\n"
        f"print(*(file.path for file in {name}('.').recurse_included_files()), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for name in ("page.html", "page.css", "page.js"):
        assert f"beetsplug/cnngenre/review/web/page/{name}" in done.stdout
    for name in ("report.html", "macros.html", "report.css"):
        assert f"genre_model/evaluation/page/templates/{name}" in done.stdout
