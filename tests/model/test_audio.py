"""Decoding: every format, whole and in windows; every bad file raises the expected error."""

import io
import os
from pathlib import Path

import audio_files
import av
import numpy as np
import pytest
from audio_files import FORMATS, reference, song, write_audio, write_song

from genre_model.audio.decode import open_audio
from genre_model.audio.samples import at_rate
from genre_model.core.errors import AudioError, TooShortError
from genre_model.core.specs import SliceSpec, SpectrogramSpec
from genre_model.features.log_mel import log_mel
from genre_model.features.slices import read_slices

RATE_HZ = 16_000
LENGTH = 8_000
FORMAT_RATES = [(kind, rate_hz) for kind, form in FORMATS.items() for rate_hz in form.rates]
SOUGHT = [
    (kind, rate_hz)
    for kind, rate_hz in FORMAT_RATES
    if kind in ("mp3", "aac", "alac", "flac", "vorbis", "opus", "wav16", "aiff")
]


def whole(path, rate_hz=RATE_HZ):
    with open_audio(path, rate_hz) as audio:
        return np.concatenate(list(audio.blocks()))


def window(path, start, stop):
    with open_audio(path, RATE_HZ) as audio:
        return audio.window(start, stop)


def correlation(left, right):
    n_samples = min(len(left), len(right))
    return np.corrcoef(left[:n_samples], right[:n_samples])[0, 1]


def test_of_several_streams_the_default_one_is_read(tmp_path):
    """As players do; the first is silence here."""
    path, tone = tmp_path / "two.mka", np.ones((1, 3 * RATE_HZ), np.int16)
    with av.open(str(path), "w") as file:
        first, second = (
            file.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono") for _ in range(2)
        )
        second.disposition = av.stream.Disposition.default
        for stream, samples in ((first, 0 * tone), (second, 8_192 * tone)):
            frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            frame.sample_rate = RATE_HZ
            file.mux([*stream.encode(frame), *stream.encode(None)])
    assert (whole(path) == 0.25).all()
    assert (window(path, RATE_HZ, 2 * RATE_HZ) == 0.25).all()


@pytest.mark.parametrize(("kind", "rate_hz"), FORMAT_RATES)
def test_every_format_decodes_to_mono_float32_of_the_right_length(tmp_path, kind, rate_hz):
    path, samples = write_song(tmp_path, kind, 2.0, rate_hz)
    decoded = whole(path)
    assert decoded.dtype == np.float32
    assert decoded.ndim == 1
    form = FORMATS[kind]
    frame = 0 if form.lossless else 2_048 / rate_hz  # lossy encoders fill their last frame
    assert abs(len(decoded) - 2 * RATE_HZ) <= 1 + frame * RATE_HZ
    source = reference(samples, rate_hz, kind)[round(form.lost * RATE_HZ / rate_hz) :]
    assert correlation(decoded, source) >= form.correlation - 1e-6


@pytest.mark.parametrize(
    ("kind", "rate_hz"), [pair for pair in FORMAT_RATES if FORMATS[pair[0]].lossless]
)
def test_lossless_formats_equal_the_mean_of_channels_resampled_by_soxr_hq(tmp_path, kind, rate_hz):
    path, samples = write_song(tmp_path, kind, 2.0, rate_hz)
    np.testing.assert_allclose(whole(path), reference(samples, rate_hz, kind), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("kind", "n_channels"), [("wav16", 1), ("wav16", 6), ("flac", 6)])
def test_any_number_of_channels_is_averaged(tmp_path, kind, n_channels):
    path, samples = write_song(tmp_path, kind, 1.0, 48_000, n_channels)
    np.testing.assert_allclose(whole(path), reference(samples, 48_000, kind), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [k for k in FORMATS if k not in ("wma", "vorbis")])
def test_the_mix_of_two_equal_channels_is_as_loud_as_one(tmp_path, kind):
    rate_hz = FORMATS[kind].rate_hz
    path = write_audio(tmp_path / "a", audio_files.tone(1.0, 440, rate_hz), rate_hz, kind)
    middle = whole(path)[RATE_HZ // 4 : RATE_HZ * 3 // 4]
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.5, rel=0.06)  # +3 dB would be 0.7


@pytest.mark.parametrize("kind", FORMATS)
def test_channels_that_cancel_each_other_out_are_heard(tmp_path, kind):
    rate_hz = FORMATS[kind].rate_hz
    music = audio_files.tone(2.0, 440, rate_hz, n_channels=1)
    path = write_audio(tmp_path / "a", music * [1, -1], rate_hz, kind)
    middle = whole(path)[RATE_HZ // 2 : RATE_HZ * 3 // 2]
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.5, rel=0.1)


def adts(rate_hz, seconds=8):
    """A 1000 Hz tone as raw AAC, which can be concatenated with others."""
    sound = (1e4 * audio_files.tone(seconds, 1_000, rate_hz)[:, 0]).astype(np.int16)[None]
    content = io.BytesIO()
    with av.open(content, "w", format="adts") as file:
        stream = file.add_stream("aac", rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound, "s16", "mono")
        frame.sample_rate = rate_hz
        file.mux([*stream.encode(frame), *stream.encode(None)])
    return content.getvalue()


@pytest.mark.parametrize("rates_hz", [(44_100, 22_050), (22_050, 44_100), (48_000, 8_000)])
def test_a_part_with_another_sample_rate_keeps_its_speed(tmp_path, rates_hz):
    path = tmp_path / "joined.aac"
    path.write_bytes(b"".join(map(adts, rates_hz)))
    samples = whole(path)
    assert len(samples) == pytest.approx(16 * RATE_HZ, rel=0.05)
    for second in (2, 5, 11, 14):
        part = samples[second * RATE_HZ : (second + 1) * RATE_HZ]
        assert abs(np.abs(np.fft.rfft(part)).argmax() - 1_000) <= 2


def test_parts_at_rates_that_no_music_has_are_refused():
    with pytest.raises(AudioError, match="a part of 1 Hz in a file of 44100 Hz"):
        at_rate(np.zeros(65_535, np.float32), 1, 44_100)


def test_channels_may_come_and_go_in_the_middle(tmp_path):
    parts = [
        write_audio(
            tmp_path / f"{n}.mp3", audio_files.tone(2.0, 440, n_channels=n), 44_100, "mp3"
        ).read_bytes()
        for n in (2, 1)
    ]
    path = tmp_path / "both.mp3"
    path.write_bytes(b"".join(parts * 3))
    extracted = whole(path)
    assert len(extracted) == pytest.approx(12 * RATE_HZ, rel=0.05)
    inner = extracted[RATE_HZ : 11 * RATE_HZ].reshape(-1, RATE_HZ)
    np.testing.assert_allclose(inner.std(axis=1), 0.5 / np.sqrt(2), rtol=0.1)


@pytest.mark.parametrize("n_channels", [1, 2])
def test_dsf_decodes_to_the_music_it_was_made_of(tmp_path, n_channels):
    samples = song(1.0, n_channels=n_channels)
    path = audio_files.write_dsf(tmp_path / "song.dsf", samples)
    source, decoded = reference(samples, 44_100), whole(path)
    assert abs(len(decoded) - RATE_HZ) < 0.02 * RATE_HZ
    assert correlation(decoded, source) > 0.99
    assert decoded.std() == pytest.approx(source.std(), rel=0.03)


def test_the_native_rate_is_left_alone_where_it_is_the_target(tmp_path):
    path, samples = write_song(tmp_path, "wav_float", 1.0, RATE_HZ)
    np.testing.assert_array_equal(whole(path), reference(samples, RATE_HZ))


def test_a_long_song_comes_in_blocks_that_join_without_a_seam(tmp_path):
    path, samples = write_song(tmp_path, "flac", 25.0, 22_050, 1)
    with open_audio(path, RATE_HZ) as audio:
        blocks = list(audio.blocks())
    assert len(blocks) >= 3
    np.testing.assert_allclose(
        np.concatenate(blocks), reference(samples, 22_050, "flac"), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(("kind", "rate_hz"), SOUGHT)
def test_a_window_equals_the_same_samples_of_the_whole_song(tmp_path, kind, rate_hz):
    path, _ = write_song(tmp_path, kind, 3.0, rate_hz)
    song_16k = whole(path)
    for start in (3_333, 16_000, 30_001, 39_000):
        extracted, expected = window(path, start, start + LENGTH), song_16k[start : start + LENGTH]
        assert extracted.dtype == np.float32
        assert_alike(extracted, expected, FORMATS[kind].seek, f"from sample {start}")


@pytest.mark.parametrize("kind", ["vorbis", "opus"])
def test_windows_in_pages_of_ogg_equal_the_whole_song(tmp_path, kind):
    """With blocks of two lengths, FFmpeg's time stamps are wrong at the beginning of a page."""
    soundfile = pytest.importorskip("soundfile")
    path, rng = tmp_path / "song.ogg", np.random.default_rng(0)
    n_samples = 12 * 48_000
    clicks = (rng.random(n_samples) < 20 / 48_000) * rng.standard_normal(n_samples)
    tone = 0.1 * np.sin(np.arange(n_samples) * 0.05)
    with soundfile.SoundFile(path, "w", 48_000, 1, subtype=kind.upper(), format="OGG") as file:
        for second in np.array_split(tone + clicks, 12):  # libsndfile crashes on one piece
            file.write(second)
    song_16k = whole(path)
    with open_audio(path, RATE_HZ) as audio:
        for start in rng.integers(8_000, len(song_16k) - 8_000, 40):
            extracted = audio.window(start, start + 4_000)
            np.testing.assert_allclose(extracted, song_16k[start : start + 4_000], atol=2e-5)


def assert_alike(extracted, expected, seek, message):
    if seek is None:
        difference = np.abs(
            log_mel(extracted, SpectrogramSpec()) - log_mel(expected, SpectrogramSpec())
        )
        assert np.median(difference) < 0.05, message
    else:
        assert np.abs(extracted - expected).max() <= seek * np.abs(expected).max(), message


@pytest.mark.parametrize(("kind", "rate_hz"), SOUGHT)
def test_a_window_at_the_start_equals_the_whole_song_after_padding_with_zeros(
    tmp_path, kind, rate_hz
):
    path, _ = write_song(tmp_path, kind, 2.0, rate_hz)
    extracted = window(path, -256, LENGTH)
    assert extracted.shape == (LENGTH + 256,)
    np.testing.assert_array_equal(extracted[:256], 0)
    assert_alike(extracted[256:], whole(path)[:LENGTH], FORMATS[kind].seek, "from the start")


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "wma"])
def test_a_window_past_the_end_is_none(tmp_path, kind):
    path, _ = write_song(tmp_path, kind, 2.0)
    n_samples = len(whole(path))
    assert window(path, n_samples - 2_000, n_samples + 1) is None
    assert window(path, n_samples + RATE_HZ, n_samples + RATE_HZ + LENGTH) is None


def test_a_window_may_end_with_the_song(tmp_path):
    path, samples = write_song(tmp_path, "wav16", 2.0, 44_100)
    expected = reference(samples, 44_100, "wav16")
    extracted = window(path, len(expected) - LENGTH, len(expected))
    np.testing.assert_allclose(extracted, expected[-LENGTH:], rtol=0, atol=1e-5)


def test_windows_do_not_depend_on_what_was_decoded_before(tmp_path):
    path, _ = write_song(tmp_path, "flac", 4.0)
    with open_audio(path, RATE_HZ) as audio:
        first = audio.window(30_000, 38_000)
        audio.window(50_000, 58_000)
        audio.window(0, 8_000)
        np.testing.assert_array_equal(audio.window(30_000, 38_000), first)


@pytest.mark.parametrize("rate_hz", [8_000, 192_000])
def test_unusual_rates_are_decoded(tmp_path, rate_hz):
    path, samples = write_song(tmp_path, "wav_float", 2.0, rate_hz, 1)
    np.testing.assert_allclose(whole(path), reference(samples, rate_hz), rtol=0, atol=1e-5)
    expected = whole(path)[9_000:17_000]
    np.testing.assert_allclose(window(path, 9_000, 17_000), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_duration_is_that_of_the_header(tmp_path, kind):
    path, _ = write_song(tmp_path, kind, 2.0)
    with open_audio(path, RATE_HZ) as audio:
        assert audio.duration_s == pytest.approx(2.0, abs=0.05)


# --- Bad and odd files ---------------------------------------------------------------------------


def extract(path):
    return read_slices(path, SpectrogramSpec(), SliceSpec())


def write_bytes(content):
    def write(path):
        path.write_bytes(content)
        return path

    return write


def write_part(n_samples):
    return lambda path: write_audio(path, song(1.0)[:n_samples], 44_100)


def write_impossible_flac(path):
    write_audio(path, song(1.0), 44_100, "flac")
    content = bytearray(path.read_bytes())
    content[20] &= 0xFE  # bits per sample minus one, across two bytes
    content[21] &= 0x0F
    path.write_bytes(content)
    return path


BAD_FILES = {
    "empty.mp3": (write_bytes(b""), AudioError, "not readable as audio"),
    "empty.flac": (write_bytes(b""), AudioError, "impossible|not readable|no audio"),
    "text.mp3": (write_bytes(b"Not music at all.\n" * 99), AudioError, "not readable as audio"),
    "zeros.mp3": (write_bytes(bytes(50_000)), AudioError, "impossible|not readable|no audio"),
    "noise.mp3": (
        write_bytes(np.random.default_rng(0).bytes(50_000)),
        AudioError,
        "impossible|not readable|damaged|too short",
    ),
    "cut off at once.m4a": (
        lambda path: audio_files.write_truncated(path, "aac", 0.5, 5),
        AudioError,
        "not readable as audio",
    ),
    "no samples.wav": (audio_files.write_no_samples, AudioError, "no audio could be decoded"),
    "one sample.wav": (write_part(1), AudioError, "too short|no audio could be decoded"),
    "0.1 s.wav": (write_part(4_410), TooShortError, r"too short: 0\.10 s"),
    "0.49 s.wav": (write_part(21_609), TooShortError, r"too short: 0\.49 s"),
    "NaN.wav": (
        lambda path: audio_files.write_poisoned(path, np.nan),
        AudioError,
        "not all numbers",
    ),
    "infinite.wav": (
        lambda path: audio_files.write_poisoned(path, np.inf),
        AudioError,
        "not all numbers",
    ),
    "one bit a sample.flac": (write_impossible_flac, AudioError, "its decoder cannot be opened"),
    "cover.mp3": (audio_files.write_cover_only_mp3, AudioError, "not readable|no audio|impossible"),
    "cover.m4a": (audio_files.write_cover_only_m4a, AudioError, "no audio in the file"),
    "missing.mp3": (lambda path: path, AudioError, "no such file"),
}


@pytest.mark.parametrize(("name", "case"), BAD_FILES.items(), ids=BAD_FILES)
def test_a_bad_file_has_its_named_outcome(tmp_path, name, case):
    write, error, message = case
    path = write(tmp_path / name)
    with pytest.raises(error, match=message) as caught:
        extract(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [1e30, 3e38])
def test_absurdly_loud_samples_are_an_audio_error_or_finite_slices(tmp_path, value):
    path = audio_files.write_poisoned(tmp_path / "loud.wav", value)
    try:
        slices = extract(path)
    except AudioError:
        return
    assert all(np.isfinite(piece.values).all() for piece in slices)


@pytest.mark.parametrize("kind", ["mp3", "flac", "wav16", "vorbis", "opus", "aiff", "wavpack"])
def test_a_truncated_file_is_decoded_as_far_as_it_goes(tmp_path, kind):
    path = audio_files.write_truncated(tmp_path / f"a{FORMATS[kind].suffix}", kind, 0.5, 10.0)
    assert 1 <= len(extract(path)) <= 2  # the whole file has 3


@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_a_short_song_is_decoded(tmp_path, seconds):
    (piece,) = extract(write_audio(tmp_path / "a.wav", song(seconds), 44_100))
    assert piece.values.shape == (187, 96)
    assert not piece.silent


def test_a_silent_file_is_decoded_as_silent(tmp_path):
    assert all(piece.silent for piece in extract(audio_files.write_silence(tmp_path / "a.wav")))


@pytest.mark.parametrize("name", audio_files.odd_names(), ids=ascii)
def test_odd_file_names_are_opened(tmp_path, name):
    path = tmp_path / f"{name}.flac"
    path.write_bytes(write_audio(tmp_path / "plain.flac", song(1.0), 44_100, "flac").read_bytes())
    assert len(whole(path)) == RATE_HZ


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("mp3", audio_files.with_latin1_id3v1),
        ("mp3", audio_files.with_broken_id3v2),
        ("flac", audio_files.with_broken_vorbis_comment),
    ],
)
def test_tags_that_are_not_utf8_do_not_stop_the_music(tmp_path, kind, spoil):
    path, _ = write_song(tmp_path, kind, 2.0)
    expected = whole(path)
    path.write_bytes(spoil(path.read_bytes()))
    np.testing.assert_array_equal(whole(path), expected)


def test_a_directory_is_not_a_regular_file(tmp_path):
    with pytest.raises(AudioError, match="not a regular file"):
        extract(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "fifo.mp3")
    with pytest.raises(AudioError, match="not a regular file"):
        extract(tmp_path / "fifo.mp3")


@pytest.mark.parametrize("target", ["nowhere", "link.mp3"], ids=["dangling", "loop"])
def test_a_link_to_nothing_is_no_such_file(tmp_path, target):
    link = tmp_path / "link.mp3"
    link.symlink_to(target)
    with pytest.raises(AudioError, match="no such file"):
        extract(link)


def test_a_name_too_long_for_the_system_is_an_audio_error(tmp_path):
    with pytest.raises(AudioError):
        extract(tmp_path / ("n" * 300))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("locked", ["file", "folder"])
def test_a_file_that_may_not_be_read_is_an_audio_error(tmp_path, locked):
    folder = tmp_path / "folder"
    folder.mkdir()
    path, _ = write_song(folder)
    target = path if locked == "file" else folder
    target.chmod(0)
    try:
        with pytest.raises(AudioError, match="permission"):
            extract(path)
    finally:
        target.chmod(0o700)


def test_a_url_is_not_fetched():
    with pytest.raises(AudioError, match="no such file"):
        extract(Path("http://127.0.0.1:9/song.mp3"))


def test_a_playlist_in_disguise_is_not_followed_to_the_network(tmp_path):
    path = tmp_path / "song.mp3"
    path.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(AudioError):
        extract(path)
