"""Training from scratch: it learns, resumes after an interruption, and exports the network."""

import gc
import signal
import subprocess
import sys
import weakref
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from audio_files import tone, write_audio, write_silence

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import AggregationSpec, NetworkSpec, SliceSpec, SpectrogramSpec
from genre_model.data.tracks import LabelledTrack
from genre_model.features.slices import read_slices
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import PROBE, write_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.onnx.session import onnx_logits, open_network
from genre_model.training.events import TrainingEvents
from genre_model.training.keras_export import check_export, export_onnx, require_tensorflow
from genre_model.training.networks.base import Architecture, Network, TrainingSpec
from genre_model.training.networks.registry import ARCHITECTURES
from genre_model.training.scratch import slice_store
from genre_model.training.scratch.checkpoint import CHECKPOINT
from genre_model.training.scratch.loop import Trainer
from genre_model.training.scratch.slice_pack import pack_slices, slice_microbatches
from genre_model.training.scratch.slice_store import SliceForm, StoredTrack
from genre_model.training.scratch.train import train_system

pytestmark = pytest.mark.tensorflow

GENRES = ("High", "Low", "Middle")
HZ = {"Low": 200, "Middle": 1_000, "High": 4_000}
N_TRACKS = 6
N_VALIDATION = 2
SHAPE = (16, 16)


def build_tiny(shape, n_genres):
    import keras

    layers = keras.layers
    slices = keras.Input(shape, name="slices")
    values = layers.Reshape((*shape, 1))(slices)
    values = layers.Conv2D(4, 2, padding="same", activation="relu")(values)
    values = layers.MaxPooling2D(2)(values)
    values = layers.Dropout(0.5)(layers.Dense(16, activation="relu")(layers.Flatten()(values)))
    return keras.Model(slices, layers.Dense(n_genres, name="logits")(values))


TINY = Architecture(
    name="tiny",
    summary="A few filters.",
    source="this test",
    spectrogram=SpectrogramSpec(n_fft=512, hop=320, n_mels=SHAPE[1]),
    slices=SliceSpec(frames=SHAPE[0], hop_frames=SHAPE[0], max_slices=6),
    learner=Network(
        build_tiny,
        TrainingSpec(learning_rate=3e-3, batch_size=40, epochs=12, patience=12, clip_norm=5.0),
    ),
)


def trained_otherwise(**changes):
    learner = TINY.learner
    return replace(TINY, learner=replace(learner, training=replace(learner.training, **changes)))


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """``N_TRACKS`` tones for each genre; each genre has its own pitch."""
    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    found = []
    for genre in GENRES:
        for number in range(N_TRACKS):
            samples = tone(2.5, HZ[genre] * rng.uniform(0.8, 1.25), 16_000, 1)
            noisy = samples + 0.05 * rng.standard_normal(samples.shape)
            path = write_audio(folder / f"{genre}-{number}.wav", noisy, 16_000)
            found.append(LabelledTrack(path, (genre,)))
    return found


@pytest.fixture(scope="module")
def slices_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("slices")


@pytest.fixture
def train(tracks, slices_folder, tmp_path):
    """``train_system`` with common arguments; its ``notes`` are those of the last call."""

    def run(work=tmp_path / "work", tracks=tracks, architecture=TINY, **options):
        options = {"seed": 1, "slices_folder": slices_folder, **options}
        run.notes = []
        events = replace(options.pop("events", TrainingEvents()), on_note=run.notes.append)
        held_out = validation(tracks)
        return train_system(architecture, tracks, GENRES, held_out, work, events=events, **options)

    return run


def goes_on_after(epoch):
    return [f"the training goes on after epoch {epoch}"]


def validation(tracks):
    """The first ``N_VALIDATION`` tracks of each genre."""
    seen = Counter()
    held_out = []
    for track in tracks:
        held_out.append(seen[track.label] < N_VALIDATION)
        seen[track.label] += 1
    return np.array(held_out)


def answers(trained, slices):
    session = onnxruntime.InferenceSession(trained.onnx)
    assert [entry.name for entry in session.get_inputs()] == ["slices"]
    return session.run(["logits"], {"slices": slices})[0]


def some_slices(n=3):
    return np.random.default_rng(5).random((n, *SHAPE), np.float32) * 6


def stop_after(epoch):
    def on_epoch(report):
        if report.epoch == epoch:
            raise KeyboardInterrupt

    return on_epoch


@pytest.mark.parametrize(
    ("n_genres", "n_weights"), [(6, 34_250_950), (7, 34_251_975), (27, 34_272_475)]
)
def test_the_papers_network_has_the_papers_weights(n_genres, n_weights):
    assert weights_of(ARCHITECTURES["pelchat2019"], n_genres) == n_weights


@pytest.mark.parametrize(
    ("n_genres", "n_weights"), [(6, 1_220_806), (7, 1_221_831), (27, 1_242_331)]
)
def test_read_otherwise_it_has_a_thirtieth_of_them(n_genres, n_weights):
    assert weights_of(ARCHITECTURES["pelchat2019-strided"], n_genres) == n_weights


def weights_of(architecture, n_genres):
    require_tensorflow(architecture.name)
    model = architecture.learner.build((128, 128), n_genres)
    assert model.input_shape == (None, 128, 128)
    assert model.output_shape == (None, n_genres)
    return model.count_params()


def test_a_training_that_is_over_keeps_no_memory(tracks, slices_folder, tmp_path):
    stored, _ = slice_store.store_tracks(
        TINY,
        tracks,
        slice_store.candidate_genres(tracks, GENRES),
        np.zeros(len(tracks), bool),
        slices_folder,
    )
    trainer = Trainer(TINY.learner, SHAPE, len(GENRES), 0, tmp_path)
    trainer.train(stored, 1)
    weights, slots = trainer.model.trainable_variables, trainer.optimizer.variables
    of_each = (weights[0].value, slots[-1].value, trainer._sums[0])
    handles = [weakref.ref(variable.handle) for variable in of_each]
    del weights, slots, of_each
    trainer.forget_optimizer()
    trainer.forget_model()
    gc.collect()
    assert [handle() for handle in handles] == [None] * 3


def test_a_slice_of_the_paper_is_two_and_a_half_seconds():
    architecture = ARCHITECTURES["pelchat2019"]
    frames, hop = architecture.slices.frames, architecture.spectrogram.hop
    assert frames * hop / architecture.spectrogram.sample_rate_hz == pytest.approx(2.56)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_registered_under_its_name(name):
    assert ARCHITECTURES[name].name == name


def test_learns_to_tell_tones_apart(train, tracks):
    reports = []
    trained = train(events=TrainingEvents(reports.append))
    assert list(trained.history) == reports
    assert [report.epoch for report in reports] == list(range(1, TINY.learner.training.epochs + 1))
    best = trained.history[trained.best_epoch - 1]
    assert best.song_accuracy == max(report.song_accuracy for report in reports)
    assert best.song_accuracy > 0.8
    assert best.slice_accuracy > 0.6
    assert reports[-1].loss < reports[0].loss
    assert trained.n_weights == (4 * 4 + 4) + (256 * 16 + 16) + (16 * 3 + 3)
    assert (trained.skipped, train.notes) == ((), [])
    right = 0
    for track in tracks:
        slices = read_slices(track.path, TINY.spectrogram, TINY.slices)
        logits = answers(trained, np.stack([piece.values for piece in slices]))
        right += GENRES[logits.mean(axis=0).argmax()] == track.label
    assert right > 0.8 * len(tracks)


def test_the_export_takes_any_number_of_slices_and_answers_each_by_itself(train):
    trained = train(epochs=1)
    slices = some_slices(5)
    together = answers(trained, slices)
    assert together.shape == (5, len(GENRES))
    apart = np.concatenate([answers(trained, slices[index : index + 1]) for index in range(5)])
    np.testing.assert_allclose(apart, together, atol=1e-5)


def test_the_export_equals_keras(tmp_path):
    require_tensorflow("tiny")
    model = Trainer(TINY.learner, SHAPE, 3, 2, tmp_path).model
    onnx = export_onnx(model)
    ours = onnx_logits(open_network(onnx), some_slices())
    np.testing.assert_allclose(ours, model(some_slices()).numpy(), atol=1e-4)
    check_export(ours, model, some_slices())


def test_an_export_that_differs_is_refused(tmp_path):
    require_tensorflow("tiny")
    onnx = export_onnx(Trainer(TINY.learner, SHAPE, 3, 2, tmp_path).model)
    other = Trainer(TINY.learner, SHAPE, 3, 3, tmp_path).model
    with pytest.raises(GenreModelError, match="answers otherwise"):
        check_export(onnx_logits(open_network(onnx), some_slices()), other, some_slices())


def test_goes_on_after_an_interruption_as_if_there_had_been_none(train, tmp_path):
    whole = train(tmp_path / "whole", epochs=5)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", epochs=5, events=TrainingEvents(stop_after(3)))
    later = []
    resumed = train(tmp_path / "cut", epochs=5, events=TrainingEvents(later.append))
    assert train.notes == goes_on_after(3)
    assert [report.epoch for report in later] == [4, 5]
    assert resumed.history == whole.history
    assert resumed.best_epoch == whole.best_epoch
    np.testing.assert_array_equal(answers(resumed, some_slices()), answers(whole, some_slices()))


def test_a_training_that_is_over_is_not_repeated(train):
    first = train(epochs=2)
    again = train(epochs=2, events=TrainingEvents(pytest.fail))
    assert train.notes == goes_on_after(2)
    assert again.history == first.history
    assert len(train(epochs=3).history) == 3  # more epochs continue from there


CHILD = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from genre_model.training.scratch import loop as trainer
from genre_model.training.keras_export import require_tensorflow
require_tensorflow("quietly")
import test_scratch

def slow_microbatches(pack, seed, epoch, *sizes):
    for part in parts(pack, seed, epoch, *sizes):
        yield part
        if epoch == 3:
            print("inside", flush=True)
            time.sleep(600)

parts, trainer.slice_microbatches = trainer.slice_microbatches, slow_microbatches
tracks = [test_scratch.LabelledTrack(Path(p), (g,)) for p, g in {tracks!r}]
held_out = test_scratch.validation(tracks)
test_scratch.train_system(
    test_scratch.TINY, tracks, test_scratch.GENRES, held_out, Path({work!r}), seed=1, epochs=4
)
"""


def test_goes_on_after_being_killed_amid_an_epoch(train, tracks, tmp_path):
    program = CHILD.format(
        path=[str(Path(__file__).parent), str(Path(__file__).parents[1])],
        tracks=[(str(track.path), track.label) for track in tracks],
        work=str(tmp_path / "killed"),
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as child:
        line = child.stdout.readline()
        child.kill()
    assert (line, child.returncode) == ("inside\n", -signal.SIGKILL)
    resumed = train(tmp_path / "killed", epochs=4)
    assert train.notes == goes_on_after(2)
    assert resumed.history == train(tmp_path / "whole", epochs=4).history


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 2}, "seed"),
        (
            {"architecture": trained_otherwise(learning_rate=1e-3)},
            "architecture",
        ),
    ],
)
def test_other_settings_start_afresh_and_it_is_said(train, change, named):
    train(epochs=2)
    other = train(epochs=1, **change)
    assert len(other.history) == 1
    reason = f"the checkpoint is of a training with other {named}"
    assert train.notes == [f"the training begins anew: {reason}"]


def test_other_tracks_start_afresh(train, tracks):
    train(epochs=1)
    train(epochs=1, tracks=tracks[:-1])
    assert "begins anew" in train.notes[0]
    assert "other tracks" in train.notes[0]


def cut_off(content):
    return content[: len(content) // 2]


def overwritten(content):
    middle = len(content) // 2
    return content[:middle] + bytes(64) + content[middle + 64 :]


@pytest.mark.parametrize("damage", [cut_off, overwritten, lambda content: b""])
@pytest.mark.parametrize("name", [CHECKPOINT, "best-0001.zip"])
def test_a_damaged_checkpoint_starts_afresh(train, tmp_path, name, damage):
    whole = train(epochs=1)
    file = tmp_path / "work" / name
    file.write_bytes(damage(file.read_bytes()))
    again = train(epochs=1)
    assert train.notes[0].startswith("the training begins anew: the checkpoint")
    assert train.notes[0].endswith("damaged")
    assert again.history == whole.history


def test_only_the_best_weights_and_the_last_checkpoint_are_kept(train, tmp_path):
    trained = train(epochs=4)
    names = {file.name for file in (tmp_path / "work").iterdir()}
    assert names == {CHECKPOINT, f"best-{trained.best_epoch:04d}.zip"}


def test_stops_when_nothing_gets_better(train):
    lazy = trained_otherwise(learning_rate=0.0, patience=2)
    trained = train(architecture=lazy)
    assert (len(trained.history), trained.best_epoch) == (3, 1)


def test_the_classifier_takes_the_network_without_a_head(train, tracks, tmp_path):
    trained = train()
    slices = some_slices(1)
    manifest = Manifest(
        bundle_id="tiny",
        genres=GENRES,
        spectrogram=TINY.spectrogram,
        slices=TINY.slices,
        network=NetworkSpec(input="slices", features="logits"),
        aggregation=AggregationSpec(rule="mean"),
    )
    probe = npz(slices=slices, logits=answers(trained, slices))
    contents = {"network.onnx": trained.onnx, PROBE: probe}
    classifier = Classifier(write_bundle(tmp_path / "bundle", manifest, contents))
    right = 0
    for track in tracks:
        probabilities = classifier.probabilities(classifier.extract(track.path))
        right += max(probabilities, key=probabilities.get) == track.label
    assert right > 0.8 * len(tracks)


def test_bad_files_among_good_ones_are_skipped(train, tracks, tmp_path):
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"not music at all" * 100)
    silent = write_silence(tmp_path / "silent.wav")
    missing = tmp_path / "missing.flac"
    others = [LabelledTrack(path, ("Low",)) for path in (bad, silent, missing)]
    trained = train(tracks=[*tracks, *others], epochs=1)
    reasons = {skipped.path: skipped.reason for skipped in trained.skipped}
    assert set(reasons) == {bad, silent, missing}
    assert reasons[silent] == "silent"
    assert reasons[bad].startswith("not readable as audio")
    assert reasons[missing] == "no such file"


def test_without_any_good_file_it_is_said(train, tmp_path):
    paths = [tmp_path / f"{number}.mp3" for number in range(4)]
    nothing = [LabelledTrack(path, ("Low",)) for path in paths]
    with pytest.raises(GenreModelError, match="no training track can be used"):
        train(tracks=nothing)


def test_slices_are_computed_once(train, monkeypatch):
    train(epochs=1)
    monkeypatch.setattr(slice_store, "slices_of", pytest.fail)
    train(epochs=2)
    assert train.notes == goes_on_after(1)


def test_stored_slices_are_those_that_the_classifier_gets(train, tracks, slices_folder):
    train(epochs=1)
    file, n_slices = slice_store.store_song(SliceForm.of(TINY), slices_folder, tracks[0].path)
    expected = read_slices(tracks[0].path, TINY.spectrogram, TINY.slices)
    assert n_slices == len(expected)
    values = np.stack([piece.values for piece in expected])
    np.testing.assert_allclose(np.load(file), values, rtol=1e-3, atol=1e-6)


def test_every_slice_comes_once_an_epoch_in_another_order(train, tracks, slices_folder, tmp_path):
    train(epochs=1)
    stored = []
    for track in tracks:
        file, n_slices = slice_store.store_song(SliceForm.of(TINY), slices_folder, track.path)
        candidates = np.array([True, False, False])
        stored.append(StoredTrack(track, file, np.arange(n_slices), candidates))
    pack = pack_slices(stored, tmp_path / "pack")
    epochs = [list(slice_microbatches(pack, 0, epoch, 40, 16)) for epoch in (1, 2)]
    everything = np.concatenate([np.load(track.file) for track in stored])
    for parts in epochs:
        assert [(len(slices), ends) for slices, _, ends in parts][:4] == [
            (16, False),
            (16, False),
            (8, True),
            (16, False),
        ]
        slices = np.concatenate([slices for slices, _, _ in parts])
        assert sorted(map(bytes, slices)) == sorted(map(bytes, everything))
    assert not np.array_equal(epochs[0][0][0], epochs[1][0][0])


def test_without_a_validation_all_are_trained_on_and_the_last_epoch_is_kept(tracks, tmp_path):
    seen = []
    trained = train_system(
        TINY,
        tracks,
        GENRES,
        None,
        tmp_path,
        seed=1,
        epochs=3,
        events=TrainingEvents(on_step=lambda *step: seen.append(step)),
    )
    assert (len(trained.history), trained.kept_epoch) == (3, 3)
    assert [report.validation_loss for report in trained.history] == [
        report.loss for report in trained.history
    ]
    n_slices = sum(len(read_slices(t.path, TINY.spectrogram, TINY.slices)) for t in tracks)
    assert ("songs cut into slices", len(tracks), len(tracks)) in seen
    assert [s for s in seen if s[0] == "slices of epoch 3"][-1][1:] == (n_slices, n_slices)


def test_a_label_may_leave_genres_open(train, tracks):
    vague = [
        replace(track, labels=("Low", "Middle")) if track.label != "High" else track
        for track in tracks
    ]
    trained = train(tracks=vague, epochs=10)
    assert trained.history[trained.best_epoch - 1].song_accuracy > 0.8


def test_a_label_that_is_no_genre_is_a_mistake_of_the_caller(train, tracks):
    with pytest.raises(ValueError, match="Polka is not among the genres"):
        train(tracks=[*tracks, replace(tracks[0], labels=("Polka",))])


def test_a_training_that_diverges_is_stopped(train):
    wild = trained_otherwise(optimizer="sgd", learning_rate=1e30, clip_norm=None)
    with pytest.raises(GenreModelError, match="diverged"):
        train(architecture=wild)


def test_a_folder_that_cannot_be_written_is_a_sentence(train, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GenreModelError, match=r"cannot work in .*file"):
        train(tmp_path / "file" / "work", epochs=1)


@pytest.mark.parametrize("module", ["tensorflow", "keras", "tf2onnx"])
def test_missing_tensorflow_is_a_sentence(train, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(GenreModelError) as caught:
        train()
    sentence = "training tiny needs TensorFlow: pip install 'beets-cnngenre[train]'"
    assert str(caught.value) == sentence


def test_training_says_nothing_by_itself(tracks, tmp_path):
    program = CHILD.replace("epoch == 3", "False").format(
        path=[str(Path(__file__).parent), str(Path(__file__).parents[1])],
        tracks=[(str(track.path), track.label) for track in tracks],
        work=str(tmp_path / "work"),
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
