"""What docs/recipes.md says about other plugins, players and servers, with its configuration."""

import re
from pathlib import Path

import av
import mutagen
import pytest
import yaml
from plugin_files import file_genres, make_newer, tag

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")


def section(title):
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def configure(beet, title, number=0):
    """Add a block of the page to the configuration."""
    block = re.findall(r"```yaml\n(.*?)```", section(title), re.DOTALL)[number]
    wanted = yaml.safe_load(block)
    plugins = wanted.pop("plugins", "cnngenre").split()
    offline = [name for name in plugins if name != "musicbrainz"]
    beet.config["plugins"] = [*offline, "selfmatch"]
    beet.config["cnngenre"] |= wanted.pop("cnngenre", {})
    beet.config |= wanted


def run(beet, title, number=0):
    """Run the commands of a block as they are on the page; returns their outputs."""
    block = re.findall(r"```sh\n(.*?)```", section(title), re.DOTALL)[number]
    return [beet(*line.split()[1:]) for line in block.splitlines()]


def in_files(beet):
    return {title: file_genres(path) for title, path in beet.paths().items()}


@pytest.fixture
def lastfm(beet, tone):
    """Albums by an artist that Last.fm knows, and by one that it does not know."""

    def make(plugins_of):
        configure(beet, plugins_of)
        beet.config["plugins"].append("lastfm")
        beet.config.setdefault("lastgenre", {})
        tone("Jazz", "Famous", artist="Known", albumartist="Known", album="One")
        tone("Unsure", "Noisy", artist="Known", albumartist="Known", album="Two", folder="music/2")
        tone(
            "Jazz",
            "Obscure",
            artist="Nobody",
            albumartist="Nobody",
            album="Three",
            folder="music/3",
        )
        return beet

    return make


FIRST, LAST = "Last.fm first, the audio for the gaps", "The audio first, Last.fm for the gaps"


def test_last_fm_first_in_an_import(lastfm, tmp_path):
    beet = lastfm(FIRST)
    beet("import", tmp_path / "music")
    said = {"Famous": ["Hard Rock"], "Noisy": ["Hard Rock"], "Obscure": ["Jazz"]}
    assert in_files(beet) == said
    assert beet.genres() == {title: "; ".join(genres) for title, genres in said.items()}
    assert beet("ls", "-f", "$title", "cnngenre_written::.") == "Obscure\n"


def test_last_fm_first_by_command(lastfm, tmp_path):
    beet = lastfm(FIRST)
    beet.config["plugins"] = ["selfmatch"]
    beet("import", tmp_path / "music")
    assert set(beet.genres().values()) == {""}
    configure(beet, FIRST)
    beet.config["plugins"].append("lastfm")
    run(beet, FIRST)
    assert in_files(beet) == {"Famous": ["Hard Rock"], "Noisy": ["Hard Rock"], "Obscure": ["Jazz"]}


def test_the_audio_first(lastfm, tmp_path):
    beet = lastfm(LAST)
    beet("import", tmp_path / "music")
    assert in_files(beet) == {"Famous": ["Jazz"], "Noisy": ["Hard Rock"], "Obscure": ["Jazz"]}


@pytest.mark.parametrize(("source", "genres"), [("track", ["Jazz"]), ("album", ["Hard Rock"])])
def test_why_the_source_matters(lastfm, tone, tmp_path, source, genres):
    """An album with only one sure track has no genre of its own."""
    beet = lastfm(LAST)
    for name in ("Noise 1", "Noise 2", "Noise 3"):
        tone("Unsure", name, artist="Known", albumartist="Known", album="One")
    beet.config["lastgenre"] = {"source": source}
    beet("import", tmp_path / "music")
    assert in_files(beet)["Famous"] == genres


def test_playlists_by_confidence(library, tmp_path):
    beet = library(Jazz_1=None, Unsure=None, Rock=None, Electronic=["Polka"])
    configure(beet, "Playlists by confidence")
    beet.config["smartplaylist"]["playlist_dir"] = str(tmp_path / "playlists")
    run(beet, "Playlists by confidence")
    listed = {
        path.stem: {Path(line).stem for line in path.read_text().splitlines()}
        for path in (tmp_path / "playlists").iterdir()
    }
    names = {title: path.stem for title, path in beet.paths().items()}
    assert listed == {
        "uncertain": {names["Unsure"]},
        "surely-jazz": {names["Jazz_1"]},
        "never-classified": {names["Electronic"]},
    }


def folders(beet):
    """Title -> the top folder of its file."""
    root = beet.config["directory"]
    assert all(path.exists() for path in beet.paths().values())
    return {title: path.relative_to(root).parts[0] for title, path in beet.paths().items()}


def test_folders_by_genre_keep_an_album_together(library):
    beet = library(Jazz_1=None, Jazz_2=None, Jazz_3=None, Rock=None)
    configure(beet, "Folders by genre")
    run(beet, "Folders by genre")
    assert set(folders(beet).values()) == {"Jazz"}
    beet("cnnundo")
    beet("move")
    assert set(folders(beet).values()) == {"Unsorted"}


def test_folders_by_each_tracks_own_genre(library):
    beet = library(Jazz=None, Rock=None, Unsure=None)
    configure(beet, "Folders by genre", 1)
    run(beet, "Folders by genre")
    assert folders(beet) == {"Jazz": "Jazz", "Rock": "Rock", "Unsure": "Unsorted"}


def test_in_an_import_the_genre_is_known_before_files_are_moved(beet, tone, tmp_path):
    configure(beet, "Folders by genre")
    tone("Jazz")
    beet("import", tmp_path / "music")
    assert folders(beet) == {"Jazz": "Jazz"}


FRAMES = {  # key, number of values, FFmpeg's separator (None: it reads only the first)
    "mp3": ("TCON", 2, None),
    "wav16": ("TCON", 2, None),
    "aiff": ("TCON", 2, None),
    "flac": ("genre", 2, ";"),
    "vorbis": ("genre", 2, ";"),
    "opus": ("genre", 2, ";"),
    "aac": ("\xa9gen", 2, ";" if av.library_versions["libavformat"] >= (63,) else None),
}


def several(library, kind):
    beet = library(kind, Unsure=None)
    configure(beet, "Several genres for a track")
    beet.config["cnngenre"] |= {"count": 2, "second_threshold": 0.01}
    beet("genre", "--threshold", "0.1")
    genres = beet.genres()["Unsure"].split("; ")
    assert len(genres) == 2
    return beet.paths()["Unsure"], genres


def by_ffmpeg(path):
    """A file's genre as FFmpeg reads it, and all programs that use FFmpeg."""
    with av.open(str(path)) as container:
        found = {**container.metadata, **container.streams.audio[0].metadata}
    return next((value for key, value in found.items() if key.casefold() == "genre"), None)


@pytest.mark.parametrize("kind", FRAMES)
def test_several_genres_are_several_values(library, kind):
    path, genres = several(library, kind)
    key, n, separator = FRAMES[kind]
    values = mutagen.File(path)[key]
    assert list(getattr(values, "text", values)) == genres
    assert len(genres) == n
    assert by_ffmpeg(path) == (separator.join(genres) if separator else genres[0])


def test_id3v23_has_one_value(library, beet):
    beet.config["id3v23"] = True
    path, genres = several(library, "mp3")
    assert mutagen.File(path).tags.version == (2, 4, 0)  # a genre write keeps the file's version
    beet("write", "-f")
    assert mutagen.File(path).tags.version == (2, 3, 0)
    assert by_ffmpeg(path) == "/".join(genres)
    raw = mutagen.id3.ID3(path, translate=False)
    assert raw["TCON"].text == ["/".join(genres)]


def test_what_another_tagger_changed_counts_as_the_users(library):
    beet = library(Rock=None)
    beet("genre")
    tag(beet.paths()["Rock"], ["Stoner Rock"], title="Rock")
    make_newer(beet.paths()["Rock"])
    beet("update")
    beet("genre")
    assert beet.genres() == {"Rock": "Stoner Rock"}
    beet("cnnundo")
    assert file_genres(beet.paths()["Rock"]) == ["Stoner Rock"]


def test_a_genre_in_the_database_alone_is_taken_back_by_update(library):
    beet = library(Rock=None)
    beet("genre", "-W")
    assert beet.genres() == {"Rock": "Rock"}
    path = beet.paths()["Rock"]
    tag(path, title="Rock")
    beet("update")
    assert beet.genres() == {"Rock": ""}
