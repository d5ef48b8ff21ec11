"""Where the time for a window goes, by format: seek, decoding, discarded audio, mixing.

    python -m benchmarks.decoding TRACKS [--rounds 5]

A file of three minutes is made in each format from the beginning of a track.  "Straight" is the
time that FFmpeg takes to decode the same seconds from the start of the file, with the frames
discarded; "as samples" also mixes and resamples them.  A window is read by seeking, as in the
classifier. Runs for half a minute.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import av

from benchmarks.limit import straight_decode
from benchmarks.measuring import full_length, here, in_turn, median, parser_of, publish
from benchmarks.measuring import three_minutes as as_mp3
from genre_model.audio.decode import RESAMPLER_CONTEXT_S, open_audio
from genre_model.core.specs import SliceSpec, SpectrogramSpec
from genre_model.features.slices import count_slices, slice_span, spread

SPECTROGRAM, SLICES = SpectrogramSpec(), SliceSpec()
N_WINDOWS = 16
# Name -> encoder, file ending, bit/s.
FORMATS = {
    "MP3": ("libmp3lame", "mp3", 256_000),
    "AAC": ("aac", "m4a", 256_000),
    "FLAC": ("flac", "flac", None),
    "Vorbis": ("vorbis", "ogg", 160_000),
    "Opus": ("libopus", "opus", 128_000),
}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source = as_mp3(full_length(options.tracks)[0], Path(folder) / "source.mp3")
        for name, (encoder, suffix, bit_rate) in FORMATS.items():
            song = Path(folder) / f"song.{suffix}"
            encode(source, song, encoder, bit_rate)
            rows.append([name, *figures(song, options.rounds)])
    columns = ["ms of CPU a slice", "straight", "opening, seek, first frame"]
    columns += [
        "decoded for nothing",
        "gathering, mixing, resampling",
        "a window",
        "times straight",
        "straight, as samples",
        "times that",
    ]
    publish(options, columns, rows)


def encode(source: Path, target: Path, encoder: str, bit_rate: int | None) -> None:
    """Write a file in another format."""
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        rate = 48_000 if encoder == "libopus" else 44_100
        stream = output.add_stream(encoder, rate=rate, options={"strict": "experimental"})
        assert isinstance(stream, av.audio.stream.AudioStream)
        stream.codec_context.layout = "stereo"
        if bit_rate is not None:
            stream.codec_context.bit_rate = bit_rate
        for frame in container.decode(audio=0):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def figures(song: Path, rounds: int) -> list[str]:
    """The table's cells for one file."""
    with open_audio(song, SPECTROGRAM.sample_rate_hz) as audio:
        n_available = count_slices(audio, SPECTROGRAM, SLICES)
        frame_s = audio.stream.codec_context.frame_size / audio.native_rate_hz
        preroll_s = audio.preroll_s
    slice_s = SLICES.hop_frames * SPECTROGRAM.hop / SPECTROGRAM.sample_rate_hz
    spans = [slice_span(index, SPECTROGRAM, SLICES) for index in spread(n_available, N_WINDOWS)]
    ways: dict[str, Callable[[], object]] = {
        "straight": partial(straight_decode, song),
        "seeks": partial(seeks, song, [start for start, _ in spans]),
        "windows": lambda: [*windows(song, spans)],
        "samples": partial(samples_of, song),
    }
    costs = in_turn({name: partial(here, work) for name, work in ways.items()}, rounds)
    ms = {name: 1000 * median(costs[name]) for name in ways}
    straight, seek = ms["straight"] / n_available, ms["seeks"] / N_WINDOWS
    window = ms["windows"] / N_WINDOWS
    around_s = preroll_s + 2 * RESAMPLER_CONTEXT_S + frame_s
    nothing = straight * around_s / slice_s
    parts = [straight, seek, nothing, window - straight - seek - nothing, window]
    samples = ms["samples"] / n_available
    cells = [*parts, window / straight, samples, window / samples]
    return [f"{cell:.2f}" for cell in cells]


def seeks(song: Path, starts: list[int]) -> None:
    """Open a file, seek to each of ``starts`` (in samples), and decode one frame there."""
    with open_audio(song, SPECTROGRAM.sample_rate_hz) as audio:
        for start in starts:
            audio.container.seek(int(start / SPECTROGRAM.sample_rate_hz * 1_000_000))
            next(audio.container.decode(audio.stream))


def samples_of(song: Path) -> int:
    """Decode, mix and resample a whole file for the network; returns the number of samples."""
    with open_audio(song, SPECTROGRAM.sample_rate_hz) as audio:
        return sum(map(len, audio.blocks()))


def windows(song: Path, spans: list[tuple[int, int]]) -> Iterator[None]:
    """Decode each span of samples."""
    with open_audio(song, SPECTROGRAM.sample_rate_hz) as audio:
        for span in spans:
            audio.window(*span)
            yield


if __name__ == "__main__":
    main()
