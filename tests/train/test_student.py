"""A student network is built and trained, and resumes after a kill; its data are right."""

import csv
from itertools import islice

import numpy as np
import pytest

from genre_model.model.bundle.store import PROBE, SHIPPED, load_bundle
from genre_model.model.onnx.session import open_network
from genre_model.training.keras_export import require_tensorflow
from shipped_model.distillation import student_features, train_student
from shipped_model.distillation.augmentation import Recipe
from shipped_model.distillation.pieces import Piece
from shipped_model.distillation.store import Labelled, open_labels, write_shard
from shipped_model.distillation.student_features import read_student_features
from shipped_model.distillation.training_data import divided, open_pieces, read_scales, scales_of

pytestmark = pytest.mark.tensorflow

SIZES = {"pooled": 514, "embedding": 200, "mn04_logits": 527, "mn04_features": 384}
GROUPS = {f"genre {n}": [2 * n, 2 * n + 1] for n in range(12)}


def answers(rng):
    """Made-up labels of a piece."""
    return {
        "log_mel": rng.gamma(2.0, 0.6, (10, 187, 96)),
        **{name: rng.normal(size=(10, size)) for name, size in SIZES.items()},
        "yamnet_logits": rng.normal(size=(10, 24)),
        "fcn_embedding": rng.normal(size=64),
        "fcn_logits": rng.normal(size=50),
    }


@pytest.fixture
def work(tmp_path):
    """Labels of 40 files of a package and of two clips, one of them by a kept-out artist."""
    rng = np.random.default_rng(0)
    pieces = [Piece(f"/music/track {n}.ogg", 0.0, "game") for n in range(40)]
    pieces += [Piece(f"/clips/{name}.ogg", 0.0, "clips", name) for name in ("used", "barred")]
    labelled = [Labelled(piece, 0, Recipe()) for piece in pieces]
    for part in (labelled[:30], labelled[30:]):
        write_shard(tmp_path / "labels", part, [answers(rng) for _ in part])
    return tmp_path


def test_kept_out_artists_and_validation_files_are_not_trained_on(work):
    pieces = open_pieces(open_labels(work / "labels"), GROUPS)
    training, validation = divided(pieces.labelled, frozenset({"barred"}))
    sources = [pieces.labelled[place].piece for place in training]
    assert "used" in {piece.artist for piece in sources}
    assert "barred" not in {piece.artist for piece in sources}
    assert 0 < len(validation) < 10
    assert not set(training) & set(validation)
    assert len(training) + len(validation) == 41

    slices = np.array([7, 0])
    np.testing.assert_array_equal(
        pieces.inputs(31, slices)["log_mel"], np.asarray(pieces.log_mel[1][1][slices], np.float32)
    )
    scales = scales_of(pieces, training)
    said = [pieces.standardised_targets(place, np.arange(10), scales) for place in training]
    together = np.concatenate([each["mn04_logits"] for each in said])
    np.testing.assert_allclose(together.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(together.std(axis=0), 1, atol=0.01)
    row = pieces.targets["fcn_logits"][3].astype(np.float32)
    standardised = scales["fcn_logits"].standardised(row)
    np.testing.assert_allclose(scales["fcn_logits"].original(standardised), row, atol=1e-5)


def test_slices_are_drawn_anew_and_validated_evenly():
    places, rng = np.array([4, 7]), np.random.default_rng(0)
    drawn = list(islice(train_student.drawn(places, np.array([1, 2, 3]), rng), 400))
    of_clips = [place for place, _ in drawn if place in {4, 7}]
    assert 160 < len(of_clips) < 240
    assert {*of_clips[:2]} == {*of_clips[2:4]} == {4, 7}
    assert {place for place, _ in drawn} == {1, 2, 3, 4, 7}
    for alone in ((places, places[:0]), (places[:0], places)):
        assert {place for place, _ in islice(train_student.drawn(*alone, rng), 4)} == {4, 7}
    assert all(len(set(slices.tolist())) == 5 for _, slices in drawn)
    assert len({tuple(slices) for _, slices in drawn}) > 300
    assert [(place, *slices) for place, slices in train_student.evenly(places)] == [
        (4, 0, 2, 4, 6, 8),
        (7, 0, 2, 4, 6, 8),
    ]


def test_the_whole_student_begins_as_the_shipped_network():
    require_tensorflow("a student")
    from shipped_model.distillation.student import whole

    shipped = load_bundle(SHIPPED)
    slices = shipped.arrays(PROBE)["slices"]
    session = open_network(shipped.read(shipped.manifest.network.file))
    model = whole()
    expected = session.run(["embedding"], {"log_mel": slices})[0]
    np.testing.assert_allclose(model(slices, training=False), expected, atol=1e-4)
    assert all(layer.trainable for layer in model.layers)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # log of the killed training
def test_a_training_goes_on_after_a_kill_and_its_student_is_used(work, tmp_path, monkeypatch):
    require_tensorflow("a student")
    import keras

    monkeypatch.setattr(train_student, "class_names", lambda file: [])
    monkeypatch.setattr(train_student, "audioset_groups", lambda names: GROUPS)
    monkeypatch.setattr(train_student, "kept_out_artists", lambda music: frozenset({"barred"}))
    run = tmp_path / "run"
    command = ["train", str(work), str(run), "--music", "none", "--teachers", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [*command, "--epochs", "2", "--steps", "1", "--batch", "2"])

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    made = train_student.callbacks
    monkeypatch.setattr(train_student, "callbacks", lambda run: [*made(run), Kill()])
    with pytest.raises(KeyboardInterrupt):
        train_student.main()
    scales = read_scales(run / "scales.npz")
    monkeypatch.setattr(train_student, "callbacks", made)
    train_student.main()
    with (run / "log.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    np.testing.assert_array_equal(
        read_scales(run / "scales.npz")["mn04_logits"].mean, scales["mn04_logits"].mean
    )
    student = keras.models.load_model(run / "student.keras")
    assert student.get_layer("student").output.shape == (None, 256)

    begun = []
    monkeypatch.setattr(keras.Model, "fit", lambda self, *_, **__: begun.extend(self.get_weights()))
    other = ["train", str(work), str(tmp_path / "other"), *command[3:], "--start", str(run)]
    monkeypatch.setattr("sys.argv", other)
    train_student.main()
    for mine, its in zip(begun, student.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)

    monkeypatch.setattr("sys.argv", ["student_features", str(work), str(run)])
    student_features.main()
    features = read_student_features(run, 42)
    assert features.shape == (42, 256)
    session = open_network((run / student_features.NETWORK).read_bytes())
    log_mel = next(open_labels(work / "labels").arrays("log_mel"))[5]
    expected = session.run(["logits"], {"slices": log_mel.astype(np.float32)})[0].mean(axis=0)
    np.testing.assert_allclose(features[5], expected, atol=1e-3)
    with pytest.raises(SystemExit, match="has 42 pieces, not 43: make it again"):
        read_student_features(run, 43)
