"""Networks on peaks, on the slices of a song in order, and on notes learn; ONNX equals Keras."""

import json
import random
from dataclasses import replace

import mido
import numpy as np
import onnxruntime
import pytest
from audio_files import tone, write_audio

from genre_model.cli.main import main
from genre_model.data.tracks import LabelledTrack
from genre_model.features.frontend import slice_shape
from genre_model.features.peaks import constellation
from genre_model.training.events import TrainingEvents
from genre_model.training.keras_export import compiled, export_onnx, require_tensorflow
from genre_model.training.networks.crnn import CRNN
from genre_model.training.networks.midi_rnn import MIDI_RNN
from genre_model.training.networks.obrien import OBRIEN, build_encoder, coarse_map, pretrain
from genre_model.training.scratch.train import train_system

pytestmark = pytest.mark.tensorflow

NETWORKS = [OBRIEN, CRNN, MIDI_RNN]
GENRES = ("High", "Low")
SCALES = {"obrien": 1.0, "crnn": 254.0, "midi-rnn": 1.0}


@pytest.fixture(autouse=True, scope="module")
def _tensorflow():
    require_tensorflow("these")


def build(architecture, n_genres=3):
    shape = slice_shape(architecture.spectrogram, architecture.slices)
    return architecture.learner.build(shape, n_genres)


def some_slices(architecture, n, seed=0):
    shape = slice_shape(architecture.spectrogram, architecture.slices)
    values = np.random.default_rng(seed).random((n, *shape), np.float32)
    return values * np.float32(SCALES[architecture.name])


def logits_of(model, slices):
    import tensorflow as tf

    graph = compiled(
        lambda values: model(values, training=False),
        [tf.TensorSpec(model.input_shape, tf.float32)],
    )
    return graph(slices).numpy()


def by_name(architecture):
    return architecture.name


@pytest.mark.parametrize("architecture", NETWORKS, ids=by_name)
def test_the_exported_network_takes_any_number_of_slices(architecture):
    import keras

    keras.utils.set_random_seed(1)
    model = build(architecture)
    session = onnxruntime.InferenceSession(export_onnx(model))
    for n in (1, 2, 7):
        slices = some_slices(architecture, n)
        (answers,) = session.run(["logits"], {"slices": slices})
        expected = logits_of(model, slices)
        assert answers.shape == (n, 3)
        assert np.ptp(expected) > 1e-3
        assert answers == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("architecture", NETWORKS, ids=by_name)
def test_a_network_weighs_what_it_says(architecture):
    cost = architecture.cost
    for n_genres in (2, 27):
        n_weights = build(architecture, n_genres).count_params()
        assert n_weights == cost.weights + n_genres * cost.weights_per_genre


def test_a_slice_of_a_song_knows_those_before_it_alone():
    model = build(CRNN)
    slices = some_slices(CRNN, 5)
    logits = logits_of(model, slices)
    assert logits_of(model, slices[:3]) == pytest.approx(logits[:3], abs=1e-5)
    other_start = np.concatenate([slices[:1] * 0.2, slices[1:]])
    moved = np.abs(logits_of(model, other_start) - logits).max(axis=1)
    assert (moved > 1e-6).all()


def test_slices_and_windows_of_notes_do_not_know_each_other():
    for architecture in (OBRIEN, MIDI_RNN):
        model = build(architecture)
        slices = some_slices(architecture, 4)
        together = logits_of(model, slices)
        alone = [logits_of(model, piece[None])[0] for piece in slices]
        assert together == pytest.approx(np.stack(alone), abs=1e-5)


# --- The autoencoder -----------------------------------------------------------------------------


def patterned(n=200):
    """Constellations of three kinds, each with its own places of peaks."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, 128, (3, 30, 2))
    slices = np.zeros((n, 128, 128), np.float32)
    for number, piece in enumerate(slices):
        kept = places[number % 3][rng.random(30) < 0.8]
        piece[kept[:, 0], kept[:, 1]] = rng.uniform(0.3, 0.9, len(kept))
    return slices


def pretrained(slices, seed=0):
    import keras

    keras.utils.set_random_seed(seed)
    model = build(OBRIEN)
    pretrain(model, lambda: iter(np.array_split(slices, 4)), seed)
    return model


def test_the_encoder_learns_before_the_first_epoch_and_then_no_more():
    slices = patterned()
    model = pretrained(slices)
    untrained = build(OBRIEN)
    encoder = model.get_layer("encoder")
    assert len(model.trainable_variables) == len(untrained.trainable_variables) == 6
    assert not encoder.trainable_variables
    codes = logits_of(encoder, slices)
    centres = np.stack([codes[kind::3].mean(axis=0) for kind in range(3)])
    nearest = ((codes[:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)
    assert (nearest == np.arange(len(codes)) % 3).all()
    assert codes.mean(axis=0) == pytest.approx(0, abs=0.2)


def test_the_autoencoder_is_the_same_every_time():
    slices = patterned(40)
    first, second = (pretrained(slices).get_weights() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_coarse_map_keeps_all_peaks():
    import keras

    slices = keras.Input((128, 128))
    model = keras.Model(slices, coarse_map(slices))
    picture = np.random.default_rng(0).integers(80, 250, (128, 128)).astype(np.float32)
    peaks = constellation(picture)
    coarse = logits_of(model, peaks[None])[0]
    assert coarse.shape == (32, 32)
    assert np.count_nonzero(coarse) == np.count_nonzero(peaks) == 76
    assert coarse.sum() == pytest.approx(peaks.sum())


def test_the_code_does_not_tell_when():
    """The slices are shifted; zeros at their ends keep peaks from being cut off."""
    slices = patterned(5)
    slices[:, :12] = slices[:, -24:] = 0
    encoder = build_encoder((128, 128))
    later = np.roll(slices, 12, axis=1)
    assert logits_of(encoder, later) == pytest.approx(logits_of(encoder, slices), abs=1e-5)


# --- Learning from files -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """Six songs per genre, of short high or low tones."""
    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    found = []
    for genre, hz in (("High", 4_000), ("Low", 900)):
        for number in range(6):
            notes = [tone(0.3, hz * rng.uniform(0.7, 1.3), 44_100, 1) for _ in range(18)]
            samples = np.concatenate(notes)
            samples = 0.5 * samples + 0.003 * rng.standard_normal(samples.shape)
            path = write_audio(folder / f"{genre}-{number}.wav", samples, 44_100)
            found.append(LabelledTrack(path, (genre,)))
    return found


def quick(architecture, epochs, **training):
    learner = architecture.learner
    spec = replace(learner.training, epochs=epochs, patience=epochs, **training)
    return replace(architecture, learner=replace(learner, training=spec))


@pytest.mark.parametrize(
    "architecture",
    [quick(OBRIEN, 12, batch_size=8, microbatch=8), quick(CRNN, 8, batch_size=2)],
    ids=by_name,
)
def test_music_is_learned_and_an_interruption_changes_nothing(architecture, tones, tmp_path):
    held_out = np.array([number % 6 < 2 for number in range(12)])
    slices_folder = tmp_path / "slices"

    def train(work, **options):
        options = {"seed": 3, "slices_folder": slices_folder, **options}
        return train_system(architecture, tones, GENRES, held_out, tmp_path / work, **options)

    whole = train("whole")
    assert whole.history[whole.best_epoch - 1].song_accuracy == 1.0
    train("parts", epochs=2)
    notes = []
    resumed = train("parts", events=TrainingEvents(on_note=notes.append))
    assert notes == ["the training goes on after epoch 2"]
    assert resumed.history == whole.history


# --- MIDI, through the commands ------------------------------------------------------------------


def note(track, pitch, ticks, channel=0, velocity=80):
    track.append(mido.Message("note_on", note=pitch, velocity=velocity, channel=channel))
    track.append(mido.Message("note_off", note=pitch, time=ticks, channel=channel))


def waltz(track, rng):
    """A broken chord of three quarter notes per bar, on the piano."""
    root = rng.randint(48, 60)
    for _ in range(100):
        for step in rng.choice([(0, 4, 7), (5, 9, 12), (-1, 2, 7)]):
            note(track, root + step, 480, velocity=rng.randint(60, 90))


def beat(track, rng):
    """Four quarters of drums per bar, with eighths on the hi-hat."""
    for _ in range(40):
        for eighth in range(8):
            note(track, 38 if eighth % 4 == 2 else 36, 0, 9, rng.randint(90, 127))
            note(track, 42, 240, 9, rng.randint(60, 100))


def write_midi(path, play, seed):
    rng = random.Random(seed)
    piece = mido.MidiFile()
    track = piece.add_track()
    track.append(mido.MetaMessage("set_tempo", tempo=rng.randint(400_000, 600_000)))
    play(track, rng)
    path.parent.mkdir(exist_ok=True)
    piece.save(path)
    return path


@pytest.fixture
def pieces(tmp_path):
    folder = tmp_path / "pieces"
    folder.mkdir()
    for number in range(10):
        write_midi(folder / "Waltz" / f"{number}.mid", waltz, number)
        write_midi(folder / "Beat" / f"{number}.midi", beat, number)
    (folder / "Beat" / "broken.mid").write_bytes(b"MThd and nothing else")
    return folder


def test_midi_files_are_learned_and_told_apart(pieces, tmp_path, capsys):
    models = tmp_path / "models"
    options = ["--architecture", "midi-rnn", "--epochs", "4", "-o", str(models), "--json"]
    assert main(["train", str(pieces), *options]) == 0
    bundle = json.loads(capsys.readouterr().out)["bundle"]
    unknown = [
        write_midi(tmp_path / "new" / "a.mid", waltz, 100),
        write_midi(tmp_path / "new" / "b.mid", beat, 101),
    ]
    assert main(["classify", *map(str, unknown), "--model", bundle, "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert [answer["best"] for answer in answers] == ["Waltz", "Beat"]
