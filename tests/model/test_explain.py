"""Why a song gets its genre: the evidence, its text and picture, and ``genre-model explain``."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from audio_files import tone, write_audio
from bundle_files import TONES_HZ
from PIL import Image

from genre_model.cli.main import main
from genre_model.core.errors import AudioError
from genre_model.core.text import clock, harmless
from genre_model.explain.evidence import Evidence, Explanation, reason_of, ruled_out, strongest
from genre_model.explain.fonts import fitted, typeface, wrapped
from genre_model.explain.log_spectrum import (
    MAX_COLUMNS,
    Columns,
    LogSpectrum,
    log_spectrum,
    taken,
)
from genre_model.explain.palette import GREY, MAX_COLOURS, PALETTE, genre_colours
from genre_model.explain.picture import (
    HEIGHT,
    LEFT,
    RIGHT,
    SPECTRUM,
    STRIP,
    WIDTH,
    draw_explanation,
    legend,
    spans,
    worth_showing,
)
from genre_model.explain.text import explanation_lines
from genre_model.model.vocabulary import GenreScore, Policy, SongGenre, Vocabulary, judge

NAMES = ("Rock", "Metal", "Jazz")
VOTES = np.array([[0.1, 0.8, 0.1], [0.5, 0.4, 0.0], [0.0, 0.1, 0.9], [0.2, 0.6, 0.2]])


def explanation(votes=VOTES, title="A title", starts_s=(0, 10, 20, 30), names=NAMES):
    vocabulary = Vocabulary({name: name for name in names}, {"Metal": "Rock"})
    song = judge(dict(zip(names, votes.mean(axis=0), strict=True)), vocabulary, Policy(0.4))
    with_subgenres = votes.copy()
    with_subgenres[:, 0] += votes[:, 1]
    leading = with_subgenres[:, names.index(song.best.genre)]
    evidence = Evidence(
        names, votes, with_subgenres, np.array(starts_s, float), 3.0, strongest(leading)
    )
    return Explanation(title, song, "Because.", evidence, "model-1", names)


def silence(seconds=40.0):
    return LogSpectrum(np.zeros((330, 500), np.float32), 8_000.0, seconds)


# --- Colours -------------------------------------------------------------------------------------


def luminance(colour):
    linear = [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def dichromat(colour, kind):
    """A colour as a dichromat sees it, in linear RGB (Vienot et al. 1999)."""
    linear = np.array(
        [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    )
    red, green = {"protan": (0.11238, 0.88762), "deutan": (0.29275, 0.70725)}[kind]
    both = red * linear[0] + green * linear[1]
    return np.array([both, both, linear[2]])


@pytest.mark.parametrize("kind", ["protan", "deutan"])
def test_no_two_colours_are_one_to_the_colour_blind(kind):
    seen = [dichromat(colour, kind) for colour in PALETTE]
    for index, first in enumerate(seen):
        for second in seen[index + 1 :]:
            assert np.abs(np.cbrt(first) - np.cbrt(second)).max() > 0.08


def test_a_genre_has_one_colour_whatever_else_is_shown():
    genres = [f"G{n}" for n in range(len(PALETTE))]
    found = {}
    for leading in genres:
        for others in (genres, genres[::-1]):
            colours = genre_colours([leading, *(g for g in others if g != leading)], genres)
            assert len(set(colours.values())) == len(colours) == MAX_COLOURS
            for name, colour in colours.items():
                assert found.setdefault(name, colour) == colour
    assert len(set(found.values())) == len(genres)
    assert GREY not in PALETTE


def test_in_a_model_of_more_genres_than_colours_no_picture_has_one_colour_twice():
    genres = [f"G{n}" for n in range(3 * len(PALETTE))]
    colours = genre_colours(["G0", f"G{len(PALETTE)}", "G1"], genres)
    assert list(colours) == ["G0", "G1"]


# --- Evidence ------------------------------------------------------------------------------------


def test_a_third_of_the_slices_at_most_is_the_loudest_evidence():
    assert strongest(np.array([0.2])) == (0,)
    assert strongest(np.array([0.2, 0.9, 0.9, 0.1, 0.3, 0.0])) == (1, 2)
    assert len(strongest(np.linspace(0, 1, 50))) == 3


def test_reasons_are_sentences():
    vocabulary = Vocabulary({n: n for n in NAMES}, {"Metal": "Rock"})
    policy = Policy(0.6)
    metal = judge({"Rock": 0.1, "Metal": 0.7, "Jazz": 0.2}, vocabulary, policy)
    assert reason_of(metal, policy) == (
        "Metal has 0.70, which reaches the threshold of 0.60; "
        "it is a subgenre of Rock, which has 0.80."
    )
    doubt = judge({"Jazz": 0.5, "Rock": 0.4}, vocabulary, policy)
    assert reason_of(doubt, policy, {"Jazz": 0.5}) == "Jazz has 0.50, below the threshold of 0.60."
    assert "; by its audio alone it has 0.30." in reason_of(doubt, policy, {"Jazz": 0.3})
    near = judge({"Jazz": 0.5996}, vocabulary, policy)
    assert reason_of(near, policy) == "Jazz has 0.5996, below the threshold of 0.6000."
    sure = judge({"Jazz": 1.0}, vocabulary, Policy(1.0))
    assert reason_of(sure, Policy(1.0)) == "Jazz has 1.00, and a threshold of 1 accepts nothing."
    filled = replace(doubt, genres=("Jazz",))  # as the classifier does with its album's genre
    assert reason_of(filled, policy) == (
        "Jazz has 0.50, below the threshold of 0.60; the sure tracks of its album are Jazz."
    )
    assert reason_of(judge({}, vocabulary, policy), policy) == "There is no sound in it."


def test_votes_that_are_for_another_genre_are_explained():
    vocabulary = Vocabulary({n: n for n in NAMES}, {"Metal": "Rock"})
    votes = np.array([[0.1, 0.0, 0.9], [0.1, 0.0, 0.9], [1.0, 0.0, 0.0]])

    def note(**song):
        return ruled_out(NAMES, votes, vocabulary, song)

    assert note(Rock=0.6, Jazz=0.2) == "Most votes are for Jazz, which other slices rule out."
    assert note(Rock=0.2, Jazz=0.6) == ""
    evidence = explanation().evidence
    shown = Explanation("T", explanation().song, "Because.", evidence, "m", NAMES)
    assert shown.full_reason == "Because."
    noted = Explanation("T", shown.song, "Because.", replace(evidence, note="But."), "m", NAMES)
    assert noted.full_reason == "Because. But."
    assert any("Because. But." in line for line in explanation_lines(noted, None))


def test_times_and_harmless_text():
    assert [clock(s) for s in (0, 61.9, 3_600)] == ["0:00", "1:02", "60:00"]
    assert harmless("a\x1b[0m\u202eb\nc\ud800") == r"a\x1b[0m\u202eb\nc\ud800"


def test_the_text_has_a_strip_for_each_genre_with_its_kinds():
    lines = explanation_lines(explanation(), None)
    assert lines[0] == "A title"
    assert lines[1] == "  Metal 48\u00a0%".replace("\u00a0", " ")
    assert "  Rock   0.68  |\u2587\u2587\u2581\u2586|" in lines
    assert "  Metal  0.48  |\u2586\u2583\u2581\u2585|" in lines
    assert lines[-1] == "  Most like Metal at 0:00, of 4 slices analysed."


def test_a_terminal_without_blocks_gets_others():
    text = "\n".join(explanation_lines(explanation(), "ascii"))
    assert text.isascii()
    assert "|##.*|" in text


def test_a_long_strip_is_made_of_means():
    votes = np.tile(VOTES, (50, 1))
    lines = explanation_lines(explanation(votes, starts_s=range(200)), None)
    assert len(lines[2].split("|")[1]) == 48


# --- Spectrogram ---------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [100, 440, 2_000, 6_000])
def test_a_tone_is_at_its_frequency(tmp_path, hz):
    path = write_audio(tmp_path / "a.wav", tone(3, hz), 44_100)
    spectrum = log_spectrum(path, 16_000, 330)
    assert spectrum.levels.shape[0] == 330
    assert spectrum.seconds == pytest.approx(3, abs=0.01)
    loudest_row = spectrum.levels.mean(axis=1).argmax() / 329
    assert loudest_row == pytest.approx(spectrum.row_of(hz), abs=0.02)


def test_a_sound_is_at_its_time(tmp_path):
    samples = np.zeros((44_100 * 10, 1))
    samples[44_100 * 6 : 44_100 * 7] = tone(1, 800, 44_100, 1)
    levels = log_spectrum(write_audio(tmp_path / "a.wav", samples, 44_100), 16_000, 100).levels
    loud = np.flatnonzero(levels.max(axis=0) > 0.9) / levels.shape[1] * 10
    assert loud.min() == pytest.approx(6, abs=0.15)
    assert loud.max() == pytest.approx(7, abs=0.15)


def test_silence_is_dark_and_nothing_is_an_error(tmp_path):
    quiet = write_audio(tmp_path / "a.wav", np.zeros((16_000, 1)), 16_000)
    assert log_spectrum(quiet, 16_000, 50).levels.max() == 0
    (tmp_path / "b.wav").write_bytes(b"nothing")
    with pytest.raises(AudioError):
        log_spectrum(tmp_path / "b.wav", 16_000, 50)


@pytest.mark.parametrize("hop", [2_000, 4_096, 11_025])
def test_frames_are_a_hop_apart_however_short_the_blocks_are(hop):
    """The hop for a song of fifteen minutes at 44.1 kHz is longer than a window."""
    columns, buffer = Columns(20), np.zeros(0, np.float32)
    frequencies = np.geomspace(30, 20_000, 20)
    for _ in range(400):
        block = np.concatenate([buffer, np.ones(1_152, np.float32)])
        buffer = taken(block, columns, frequencies, 44_100, hop)
    assert len(columns.all()) == pytest.approx(400 * 1_152 / hop, abs=8_192 / hop + 1)


@pytest.mark.parametrize("n_frames", [1, 8_191, 8_192, 20_001, 100_000])
def test_columns_are_bounded_and_lose_nothing(n_frames):
    frames = np.arange(n_frames, dtype=np.float32)[:, None]
    columns = Columns(1)
    for part in np.array_split(frames, max(1, n_frames // 700)):
        columns.add(part)
    found = columns.all()[:, 0]
    assert len(found) <= 2 * MAX_COLUMNS + 1
    assert found[0] == frames[: columns.factor].mean()
    whole = n_frames // columns.factor
    expected = frames[: whole * columns.factor].reshape(whole, -1).mean(axis=1)
    np.testing.assert_allclose(found[:whole], expected, rtol=1e-5)


# --- Picture -------------------------------------------------------------------------------------


def strip_colours(image, second, seconds=40.0):
    """Colour -> number of pixels of the strip at a second, from bottom to top."""
    x = LEFT + round(second / seconds * (RIGHT - LEFT))
    column = [image.getpixel((x, y)) for y in range(STRIP[1] - 1, STRIP[0] - 1, -1)]
    return {colour: column.count(colour) for colour in dict.fromkeys(column)}


def test_the_strip_stacks_the_votes_the_leading_genre_at_its_foot():
    shown = explanation()
    image = draw_explanation(shown, silence())
    assert image.size == (WIDTH, HEIGHT)
    colours = genre_colours(worth_showing(shown), NAMES)
    height = STRIP[1] - STRIP[0]
    for index, second in enumerate((2, 11, 21, 31)):
        found = strip_colours(image, second)
        for name in NAMES:
            share = VOTES[index, NAMES.index(name)]
            assert found.get(colours[name], 0) == pytest.approx(share * height, abs=2)
    assert next(iter(strip_colours(image, 2))) == colours["Metal"]


def test_the_loudest_evidence_is_framed_in_the_leading_genres_colour():
    shown = explanation()
    image = draw_explanation(shown, silence())
    colour = genre_colours(worth_showing(shown), NAMES)["Metal"]
    middle = (SPECTRUM[0] + SPECTRUM[1]) // 2
    framed = [x for x in range(LEFT, RIGHT) if image.getpixel((x, middle)) == colour]
    assert framed
    assert max(framed) < LEFT + (RIGHT - LEFT) * 3.2 / 40


def test_what_has_no_colour_is_grey_and_nothing_is_lost():
    names = tuple(f"G{n:02d}" for n in range(17))
    votes = np.full((4, 17), 1 / 17)
    shown = explanation(votes, names=names)
    assert ("other genres", "", GREY) in legend(shown, genre_colours(worth_showing(shown), names))
    found = strip_colours(draw_explanation(shown, silence()), 2)
    assert found[GREY] == pytest.approx(10 / 17 * (STRIP[1] - STRIP[0]), abs=3)


def test_slices_speak_for_their_surroundings_but_not_for_silence():
    found = spans(explanation(starts_s=(0, 10, 20, 90)).evidence, 120.0)
    assert all(stop <= start for (_, stop), (start, _) in pairwise(found))
    assert found[0][0] == 0
    assert found[2][1] < 40
    assert found[3][0] > 80
    assert found[3][1] < 110


@pytest.mark.parametrize(
    "title",
    [
        "",
        "x" * 100_000,
        "<b>&amp;</b>\x00\x1b\u202e\n",
        "\u65e5\u672c\u8a9e \u0420\u043e\u043a \U0001f600",
    ],
)
@pytest.mark.parametrize("seconds", [0.6, 40.0, 100_000.0])
def test_any_title_and_length_can_be_drawn(title, seconds):
    draw_explanation(explanation(title=title, starts_s=(0, 0.1, 0.2, 0.3)), silence(seconds))


def test_a_song_without_sound_can_be_drawn():
    nothing = Explanation("A", SongGenre((), None, (), "silent"), "Because.", None, "m", ())
    assert draw_explanation(nothing, silence()).size == (WIDTH, HEIGHT)
    one = SongGenre((), GenreScore("Rock", 0.2), (GenreScore("Rock", 0.2),), "")
    assert worth_showing(Explanation("A", one, "", None, "m", ())) == []


def test_long_texts_are_cut_to_fit():
    text = fitted("W" * 500, 30, 400)
    assert text.endswith("...")
    assert typeface(30, text).getlength(text) <= 400
    assert fitted("short", 30, 400) == "short"


def test_a_long_reason_takes_two_lines():
    words = "Most votes are for Classical, which other slices rule out."
    assert " ".join(wrapped(words, 20, 400, 2)) == words
    assert wrapped("", 20, 400, 2) == [""]
    first, last = wrapped(words * 5, 20, 400, 2)
    assert (words * 5).startswith(first)
    assert last.endswith("...")
    assert wrapped("W" * 500, 20, 400, 2) == [fitted("W" * 500, 20, 400)]


# --- genre-model explain -------------------------------------------------------------------------


@pytest.fixture
def song(tmp_path):
    return write_audio(tmp_path / "song.wav", tone(7, TONES_HZ["Dub"]), 44_100)


def test_explain_prints_and_draws(song, tiny_bundle, tmp_path, capsys):
    picture = tmp_path / "song.png"
    arguments = ["explain", str(song), "--model", str(tiny_bundle), "-o", str(picture)]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert output.startswith("song\n")
    assert "Most like Dub at 0:0" in output
    with Image.open(picture) as image:
        assert image.size == (WIDTH, HEIGHT)
    assert main(arguments) == 1
    assert "is there already; --force overwrites it" in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0


@pytest.mark.parametrize("command", ["explain", "spectrogram"])
def test_a_picture_is_a_png_file(song, tmp_path, capsys, command):
    with pytest.raises(SystemExit, match="2"):
        main([command, str(song), "-o", str(tmp_path / "song.gif")])
    assert "song.gif does not end in .png" in capsys.readouterr().err
    assert not (tmp_path / "song.gif").exists()


def test_explain_without_a_picture(song, tiny_bundle, tmp_path, capsys):
    assert main(["explain", str(song), "--model", str(tiny_bundle)]) == 0
    assert "Dub" in capsys.readouterr().out
    assert list(tmp_path.glob("*.png")) == []
    assert main(["explain", str(song), "--model", str(tiny_bundle), "--open"]) == 1


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [(np.zeros((44_100 * 3, 1)), "silent"), (np.ones((4_410, 1)) / 2, "too short: 0.10 s")],
)
def test_explain_of_what_cannot_be_decoded_is_a_sentence(
    tiny_bundle, tmp_path, capsys, samples, sentence
):
    path = write_audio(tmp_path / "a.wav", samples, 44_100)
    status = main(
        ["explain", str(path), "--model", str(tiny_bundle), "-o", str(tmp_path / "a.png")]
    )
    output = capsys.readouterr()
    assert sentence in output.out + output.err
    assert status == 1
    assert sentence != "silent" or f"{tmp_path / 'a.png'} is not drawn" in output.err
    assert not (tmp_path / "a.png").exists()
