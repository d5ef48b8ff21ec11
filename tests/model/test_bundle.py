"""A bundle is read as it was written; any damage is a one-line error, never a wrong answer."""

import io
import json
import os
import time

import audio_files
import bundle_files as bundles
import numpy as np
import pytest
from bundle_files import edit_manifest, put, replace_file, tiny_contents, tiny_manifest

from genre_model.core.errors import BundleError
from genre_model.core.specs import AggregationSpec, SliceSpec, SpectrogramSpec
from genre_model.model.bundle import store as bundle_module
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.store import HEAD, MANIFEST, PROBE, load_bundle, write_bundle
from genre_model.model.classifier import load_classifier
from genre_model.model.play_history import PlayHistorySpec


def take(*keys):
    """Return a function that damages a bundle: it deletes an entry of the manifest's JSON."""

    def edit(manifest):
        for key in keys[:-1]:
            manifest = manifest[key]
        del manifest[keys[-1]]

    return lambda directory: edit_manifest(directory, edit)


def put_play_history(**changes):
    """Return a function that adds a play history with these faults to the manifest."""
    sound = {"means": [0.0] * 6, "scales": [1.0] * 6, "weights": [[0.0] * 3] * 6}
    return put("play_history", value={**sound, **changes})


def put_file(name, content):
    """Return a function that replaces a file, and updates its hash in the manifest."""
    return lambda directory: replace_file(directory, name, content)


def put_head(**arrays):
    return put_file(HEAD, npz(**{**bundles.tiny_head(), **arrays}))


def put_probe(**arrays):
    return put_file(PROBE, npz(**{**bundles.tiny_probe(), **arrays}))


def overwrite(name, content):
    """Return a function that replaces a file, and leaves its hash in the manifest as it was."""
    return lambda directory: (directory / name).write_bytes(content)


def cut_off(name, n_bytes):
    return lambda directory: (directory / name).write_bytes(
        (directory / name).read_bytes()[:-n_bytes]
    )


def flip_last_bit(directory):
    content = bytearray((directory / "network.onnx").read_bytes())
    content[-1] ^= 1
    (directory / "network.onnx").write_bytes(content)


def saved(save, *arrays, **named):
    buffer = io.BytesIO()
    save(buffer, *arrays, **named)
    return buffer.getvalue()


def pickled_npz():
    return saved(np.savez, weights=np.array([{"code": print}], dtype=object), bias=np.zeros(3))


def broken_archive():
    """An ``.npz`` with a changed byte in an array, so that its checksum is wrong."""
    content = saved(np.savez, weights=np.full((3, 3), 0.75), bias=np.zeros(3))
    return content.replace(np.float64(0.75).tobytes(), np.float64(0.5).tobytes(), 1)


ZEROS = np.zeros((3, 3), np.float32)
DAMAGES = {
    # The manifest.
    "missing manifest": (lambda directory: (directory / MANIFEST).unlink(), "cannot read"),
    "empty manifest": (overwrite(MANIFEST, b""), "manifest.json"),
    "truncated JSON": (cut_off(MANIFEST, 20), "truncated|trailing"),
    "JSON that is not UTF-8": (overwrite(MANIFEST, b'{"bundle_id": "\xff\xfe"}'), "UTF-8|utf-8"),
    "JSON of endless depth": (overwrite(MANIFEST, b"[" * 100_000), "manifest.json"),
    "JSON of something else": (overwrite(MANIFEST, b"[1, 2]"), "object"),
    "a newer schema": (put("schema", value=2), "made by a newer version of this program: update"),
    "a newer schema with other fields": (
        lambda directory: (put("schema", value=2)(directory), put("slices", value="?")(directory)),
        "made by a newer version",
    ),
    "an older schema": (put("schema", value=0), "made by an older version.*: train anew"),
    "no genres": (take("genres"), "genres"),
    "genres of the wrong type": (put("genres", value="Rock"), "genres"),
    "a genre of the wrong type": (put("genres", value=["Dub", 1, "Bebop"]), "genres"),
    "a rate of the wrong type": (put("spectrogram", "sample_rate_hz", value="16k"), "rate"),
    "an unknown rule": (put("aggregation", "rule", value="median"), "median"),
    "one genre": (put("genres", value=["Dub"]), "fewer than two genres"),
    "a genre named twice": (put("genres", value=["Dub", "Jazz", "Dub"]), "twice"),
    "a genre without a name": (put("genres", value=["Dub", "Jazz", ""]), "not at all"),
    "a genre with a separator": (put("genres", value=["Dub; Ska", "Jazz", "Bebop"]), "separator"),
    "a genre with a control": (put("genres", value=["Du\x1bb", "Jazz", "Bebop"]), "control"),
    "an unknown parent": (put("parents", value={"Bebop": "Swing"}), "unknown genres"),
    "an unknown child": (put("parents", value={"Swing": "Jazz"}), "unknown genres"),
    "an unknown genre in a preset": (put("presets", "few", value=["Swing"]), "unknown genres"),
    "a genre that is its own parent": (put("parents", value={"Dub": "Dub"}), "loop"),
    "a loop of parents": (put("parents", value={"Bebop": "Jazz", "Jazz": "Bebop"}), "loop"),
    "a rate of zero": (put("spectrogram", "sample_rate_hz", value=0), "spectrogram"),
    "a hop of zero": (put("spectrogram", "hop", value=0), "spectrogram"),
    "a top above half the rate": (put("spectrogram", "fmax_hz", value=9_000), "spectrogram"),
    "no slices": (put("slices", "max_slices", value=0), "slice"),
    "an overlap below zero": (put("slices", "hop_frames", value=188), "slice"),
    "a sharpness below zero": (put("aggregation", "inverse_temperature", value=-1), "aggregation"),
    "a threshold above one": (put("aggregation", "threshold", value=1.5), "aggregation"),
    "sampling of one slice": (put("sampling", value={"min_slices": 1}), "sampling"),
    "sampling of more at least than at most": (
        put("sampling", value={"min_slices": 49}),
        "sampling",
    ),
    "sampling in negative deviations": (put("sampling", value={"z": -1.0}), "sampling"),
    "play_history of two numbers": (put_play_history(means=[0.0] * 4), "play_history"),
    "play_history of two genres": (put_play_history(weights=[[0.0] * 2] * 6), "play_history"),
    "play_history with a scale of zero": (
        put_play_history(scales=[0.0] + [1.0] * 5),
        "play_history",
    ),
    "play_history with an endless weight": (
        put_play_history(weights=[[1e300] * 3] * 6),
        "play_history",
    ),
    "play_history of no number": (put_play_history(means=[None] * 6), "play_history"),
    "play_history in an endless present": (put_play_history(now_s=1e300), "play_history"),
    "play_history with a threshold above one": (put_play_history(threshold=1.5), "play_history"),
    # The files.
    "path traversal": (put("files", "../../etc/passwd", value="0" * 64), "not plain"),
    "an absolute path": (put("files", "/etc/passwd", value="0" * 64), "not plain"),
    "a network outside": (put("network", "file", value="../network.onnx"), "does not name"),
    "a network with a null in its name": (
        lambda directory: (
            put("network", "file", value="a\0b")(directory),
            put("files", "a\0b", value="0" * 64)(directory),
        ),
        ".",
    ),
    "a network that is not named": (take("files", "network.onnx"), "does not name network.onnx"),
    "a probe that is not named": (take("files", PROBE), "does not name probe.npz"),
    "a missing network": (lambda directory: (directory / "network.onnx").unlink(), "cannot read"),
    "a missing probe": (lambda directory: (directory / PROBE).unlink(), "cannot read"),
    "a missing head": (lambda directory: (directory / HEAD).unlink(), "cannot read"),
    "a changed bit in the network": (flip_last_bit, "network.onnx is damaged or was changed"),
    "a network cut off": (cut_off("network.onnx", 100), "damaged or was changed"),
    "an empty head": (overwrite(HEAD, b""), "damaged or was changed"),
    # Damaged files with the right hash.
    "a garbage network": (put_file("network.onnx", b"garbage" * 99), "no ONNX file"),
    "an empty network": (put_file("network.onnx", b""), "is no ONNX file"),
    "a network cut in half": (
        put_file("network.onnx", bundles.tiny_network()[:200]),
        "truncated, or no ONNX file",
    ),
    "a network without the tags": (
        put_file("network.onnx", bundles.tiny_network(tags=False)),
        "the network has no tags",
    ),
    "another input": (put("network", "input", value="mel"), "the network has no mel"),
    "another output": (put("network", "features", value="logits"), "the network has no logits"),
    "a network that answers otherwise": (
        put_file("network.onnx", bundles.tiny_network(np.ones((96, 3), np.float32))),
        "answers otherwise",
    ),
    "a network that answers NaN": (
        put_file("network.onnx", bundles.tiny_network(np.full((96, 3), np.nan, np.float32))),
        "does not take the probe",
    ),
    "a network with too many features": (
        put_file("network.onnx", bundles.tiny_network(np.ones((96, 5), np.float32))[:]),
        "refuses|does not take the probe",
    ),
    "a head of wrong shape": (put_head(weights=np.zeros((3, 4))), "does not fit 3 genres"),
    "a head for other features": (put_head(weights=np.zeros((5, 3))), "does not take the probe"),
    "a head of one dimension": (put_head(weights=np.zeros(3)), "does not fit 3 genres"),
    "a bias of wrong shape": (put_head(bias=np.zeros(4)), "does not fit 3 genres"),
    "a NaN in the head": (put_head(weights=ZEROS * np.nan), "."),
    "an infinite bias": (put_head(bias=np.full(3, np.inf)), "."),
    "a head of text": (put_head(weights=np.full((3, 3), "x")), "."),
    "a head of complex numbers": (put_head(weights=ZEROS + 1j), "."),
    "a head without bias": (put_file(HEAD, npz(weights=ZEROS)), "does not fit 3 genres"),
    "a pickled head": (put_file(HEAD, pickled_npz()), "no plain arrays"),
    "a garbage head": (put_file(HEAD, b"garbage"), "no plain arrays"),
    "an empty head with its hash": (put_file(HEAD, b""), "no plain arrays"),
    "a head that is one array": (put_file(HEAD, saved(np.save, ZEROS)), "no plain arrays"),
    "a head cut in half": (
        put_file(HEAD, npz(**bundles.tiny_head())[:100]),
        "no plain arrays",
    ),
    "a head of a broken archive": (put_file(HEAD, broken_archive()), "no plain arrays"),
    "a probe that differs": (put_probe(logits=np.ones((1, 3))), "answers otherwise"),
    "a probe of NaN": (put_probe(logits=np.full((1, 3), np.nan)), "answers otherwise"),
    "a probe of other genres": (put_probe(logits=np.zeros((1, 4))), "does not fit its genres"),
    "a probe of other slices": (put_probe(slices=np.zeros((1, 9, 96), "f4")), "take the probe"),
    "a probe of another type": (put_probe(slices=np.zeros((1, 187, 96))), "take the probe"),
    "a probe without answer": (
        put_file(PROBE, npz(slices=bundles.tiny_probe()["slices"])),
        "does not fit its genres",
    ),
    "a probe without slices": (
        put_file(PROBE, npz(logits=np.zeros((1, 3)))),
        "does not take the probe",
    ),
    "a probe of nothing": (
        put_probe(slices=np.zeros((0, 187, 96), "f4"), logits=np.zeros((0, 3))),
        ".",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_any_damage_is_a_bundle_error_of_one_sentence(tiny_bundle, damage, message):
    damage(tiny_bundle)
    with pytest.raises(BundleError, match=message) as caught:
        load_classifier(tiny_bundle)
    text = str(caught.value)
    assert str(tiny_bundle) in text
    assert "\n" not in text
    assert len(text) < len(str(tiny_bundle)) + 200


@pytest.mark.parametrize("content", ["nothing", "file", "empty folder"])
def test_a_path_without_a_bundle_is_a_bundle_error(tmp_path, content):
    path = tmp_path / "bundle"
    if content == "file":
        path.write_bytes(b"")
    elif content == "empty folder":
        path.mkdir()
    with pytest.raises(BundleError, match=r"cannot read .*manifest\.json: \w+"):
        load_bundle(path)


def test_an_absurdly_large_manifest_is_not_read(tiny_bundle):
    with (tiny_bundle / MANIFEST).open("ab") as file:
        file.truncate(2**23)
    with pytest.raises(BundleError, match="larger than"):
        load_bundle(tiny_bundle)


def test_the_tiny_bundle_tells_its_genres_apart(tiny_bundle, tmp_path):
    classifier = load_classifier(tiny_bundle)
    for genre, hz in bundles.TONES_HZ.items():
        path = audio_files.write_audio(tmp_path / f"{hz}.wav", audio_files.tone(3, hz), 44_100)
        probabilities = classifier.probabilities(classifier.extract(path))
        assert tuple(probabilities) == bundles.GENRES
        assert max(probabilities, key=probabilities.get) == genre
        assert sum(probabilities.values()) == pytest.approx(1)


def test_a_silent_song_has_no_probabilities(tiny_bundle, tmp_path):
    classifier = load_classifier(tiny_bundle)
    extracted = classifier.extract(audio_files.write_silence(tmp_path / "silent.wav", 8.0))
    assert classifier.probabilities(extracted) == {}
    assert len(extracted.starts_s) == 0


def test_silent_slices_are_left_out(tiny_bundle, tmp_path):
    samples = np.concatenate([np.zeros((44_100 * 4, 2)), audio_files.tone(8, 440)])
    extracted = load_classifier(tiny_bundle).extract(
        audio_files.write_audio(tmp_path / "late.wav", samples, 44_100)
    )
    assert extracted.starts_s.tolist() == pytest.approx([2.992, 5.984, 8.976])
    assert extracted.features.shape == (3, 3)
    assert extracted.tags.shape == (3, 2)


def test_a_bundle_without_head_takes_the_features_as_logits(tmp_path):
    contents = tiny_contents()
    del contents[HEAD]
    probe = bundles.tiny_probe()
    features = probe["slices"].mean(axis=1).reshape(1, 3, -1).sum(axis=2)
    contents[PROBE] = npz(slices=probe["slices"], logits=features)
    directory = write_bundle(tmp_path / "headless", tiny_manifest(), contents).directory
    classifier = load_classifier(directory)
    path = audio_files.write_audio(tmp_path / "a.wav", audio_files.tone(3, 5_000), 44_100)
    extracted = classifier.extract(path)
    np.testing.assert_array_equal(classifier.slice_logits(extracted), extracted.features)


# --- Writing -------------------------------------------------------------------------------------


def test_a_bundle_is_read_as_it_was_written(tmp_path):
    manifest = tiny_manifest(
        spectrogram=SpectrogramSpec(22_050, 1024, 441, 64, 20, 10_000, 1),
        slices=SliceSpec(100, 50, 7, 1.5),
        aggregation=AggregationSpec("mean", 1.25, -0.5, 0.7),
        provenance={"who": ["me", 1, None], "nested": {"é": 0.1}},
        created_utc="2026-11-22T15:51:08+00:00",
    )
    written = write_bundle(tmp_path / "deep" / "bundle", manifest, tiny_contents())
    again = load_bundle(tmp_path / "deep" / "bundle")
    assert again == written
    assert set(again.manifest.files) == set(tiny_contents())
    for name, content in tiny_contents().items():
        assert again.read(name) == content
    np.testing.assert_array_equal(again.head().weights, bundles.tiny_head()["weights"])


def test_unknown_keys_of_a_manifest_are_passed_over(tiny_bundle):
    put("from_the_future", value=1)(tiny_bundle)
    assert load_bundle(tiny_bundle).manifest.bundle_id == "tiny-1"


def test_the_manifest_is_json_that_people_can_read(tiny_bundle):
    text = (tiny_bundle / MANIFEST).read_text(encoding="utf-8")
    assert json.loads(text)["genres"] == list(bundles.GENRES)
    assert len(text.splitlines()) > 20


@pytest.mark.parametrize("what", ["a bundle", "a file", "an empty folder"])
def test_what_exists_is_not_overwritten(tmp_path, what):
    target = tmp_path / "bundle"
    if what == "a bundle":
        bundles.write_tiny_bundle(target, bundle_id="the first")
    elif what == "a file":
        target.write_bytes(b"mine")
    else:
        target.mkdir()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(BundleError, match="exists already"):
        bundles.write_tiny_bundle(target)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    ("changes", "contents", "message"),
    [
        ({"genres": ("Dub",)}, {}, "fewer than two"),
        ({"parents": {"Dub": "Jazz", "Jazz": "Dub"}}, {}, "loop"),
        ({}, {"../outside": b""}, "not plain"),
    ],
)
def test_a_faulty_bundle_is_not_written(tmp_path, changes, contents, message):
    target = tmp_path / "here" / "bundle"
    with pytest.raises(BundleError, match=message):
        write_bundle(target, tiny_manifest(**changes), {**tiny_contents(), **contents})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(28, "No space left on device"), BundleError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["full disk", "interrupt"],
)
@pytest.mark.parametrize("failing", [0, 2, 3])
def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch, failing, error, raised):
    write_file, written = bundle_module.write_file, []

    def write_or_fail(path, content):
        if len(written) == failing:
            path.write_bytes(content[:10])
            raise error
        written.append(path)
        write_file(path, content)

    monkeypatch.setattr(bundle_module, "write_file", write_or_fail)
    with pytest.raises(raised, match="No space left" if raised is BundleError else None):
        bundles.write_tiny_bundle(tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_rename_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(BundleError, match=r"cannot write .*Permission denied"):
        bundles.write_tiny_bundle(tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_bundle_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BundleError, match="cannot write"):
        bundles.write_tiny_bundle(tmp_path / "file" / "bundle")


def test_what_sudden_death_left_behind_long_ago_is_removed_by_the_next_write(tmp_path):
    day = bundle_module.ABANDONED_S
    ages = {".dead-1.unfinished": day + 60, ".alive-2.unfinished": day - 60, ".new.unfinished": 0}
    kept = [".alive-2.unfinished", ".new.unfinished", ".work", ".a.unfinished.txt", "x.unfinished"]
    for name in {*ages, *kept}:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "network.onnx").write_bytes(b"half")
        long_ago = time.time() - ages.get(name, 2 * day)
        os.utime(folder, (long_ago, long_ago))
    bundles.write_tiny_bundle(tmp_path / "bundle")
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "bundle"}
    assert all((tmp_path / name / "network.onnx").exists() for name in kept)


def test_a_bundle_that_is_being_written_has_the_name_of_an_unfinished_one(tmp_path, monkeypatch):
    write_file, seen = bundle_module.write_file, set()

    def spy(path, content):
        seen.add(path.parent.name)
        write_file(path, content)

    monkeypatch.setattr(bundle_module, "write_file", spy)
    bundles.write_tiny_bundle(tmp_path / "bundle")
    [name] = seen
    assert name.startswith(".bundle-")
    assert name.endswith(bundle_module.UNFINISHED)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_play_history_is_kept_and_may_be_missing(tmp_path):
    spec = PlayHistorySpec((0.5,) * 6, (2.0,) * 6, ((0.25, 0.0, -1.0),) * 6, 1.7e9, 0.7)
    directory = bundles.write_tiny_bundle(tmp_path / "play_history", play_history=spec)
    assert load_bundle(directory).manifest.play_history == spec
    take("play_history")(directory)
    assert load_bundle(directory).manifest.play_history is None
