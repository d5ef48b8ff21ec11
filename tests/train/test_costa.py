"""SVMs on textures, a network on pictures, and both: fitting, and exports that give the same."""

import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from audio_files import tone, write_audio
from hypothesis import given, settings
from hypothesis import strategies as st

from genre_model.core.errors import GenreModelError
from genre_model.data.tracks import LabelledTrack
from genre_model.features.frontend import slice_shape
from genre_model.model.onnx.check import checked_model
from genre_model.training.networks import costa2017
from genre_model.training.networks import zone_svm as svm
from genre_model.training.networks.costa2011 import COSTA2011
from genre_model.training.networks.costa2017 import COSTA2017, COSTA2017_CNN, COSTA2017_LBP
from genre_model.training.scratch.train import train_system

N_GENRES, N_ZONES, N_VALUES = 3, 4, 6
SLICES_PER_SONG = 2


def examples(n_songs=45, seed=0, noise=1.0):
    """Slices whose even zones depend on the genre, and whose odd zones do not."""
    rng = np.random.default_rng(seed)
    songs = np.repeat(np.arange(n_songs), SLICES_PER_SONG)
    genre = songs % N_GENRES
    x = noise * rng.standard_normal((len(songs), N_ZONES, N_VALUES))
    x[:, ::2, :N_GENRES] += 3 * np.eye(N_GENRES)[genre][:, None]
    return (50 + 7 * x).astype(np.float32), np.eye(N_GENRES, dtype=bool)[genre], songs


def votes(network, slices):
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"slices": slices})[0]


# --- Support vector machines ---------------------------------------------------------------------


def test_the_network_says_what_scikit_learn_says():
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    x, candidates, songs = examples(noise=1.5)
    x = x[:, ::2]  # in the other zones our slopes may be 0, unlike scikit-learn's
    unknown = examples(seed=1, noise=1.5)[0][:, ::2]
    ours = np.exp(votes(svm.fit_zone_svms(x, candidates, songs, 0), unknown))
    ours = ours.reshape(*unknown.shape[:2], N_GENRES)

    setting = svm.choose_setting(x.astype(np.float64), candidates, songs, 0)
    fold_of = svm.song_folds(candidates, songs, 0)
    folds = [(np.flatnonzero(fold_of != f), np.flatnonzero(fold_of == f)) for f in range(3)]
    machine = SVC(C=setting.penalty, gamma=setting.gamma, tol=svm.TOLERANCE)
    calibrated = CalibratedClassifierCV(OneVsRestClassifier(machine), cv=folds, ensemble=False)
    for zone in range(x.shape[1]):
        scaler = StandardScaler().fit(x[:, zone])
        theirs = calibrated.fit(scaler.transform(x[:, zone]), candidates.argmax(axis=1))
        expected = theirs.predict_proba(scaler.transform(unknown[:, zone]))
        np.testing.assert_allclose(ours[:, zone], expected, rtol=0, atol=1e-4)


def test_songs_not_met_are_told_by_the_zones_that_tell():
    network = svm.fit_zone_svms(*examples(), seed=0)
    unknown, candidates, _ = examples(seed=1)
    logits = votes(network, unknown)
    assert (logits.shape, logits.dtype) == ((len(unknown) * N_ZONES, N_GENRES), np.float32)
    right = logits.argmax(axis=1).reshape(-1, N_ZONES) == candidates.argmax(axis=1)[:, None]
    assert right[:, ::2].mean() > 0.9
    assert right[:, 1::2].mean() < 0.6
    song = np.exp(logits).reshape(-1, N_ZONES, N_GENRES).mean(axis=1).argmax(axis=1)
    assert (song == candidates.argmax(axis=1)).mean() > 0.95


def test_no_product_takes_a_transposition_directly():
    """ONNX Runtime 1.23 would fuse the two to an operator that it does not have for doubles."""
    graph = onnx.load_from_string(svm.fit_zone_svms(*examples(), seed=0)).graph
    kinds = {output: node.op_type for node in graph.node for output in node.output}
    factors = [name for node in graph.node if node.op_type == "MatMul" for name in node.input]
    assert factors
    assert "Transpose" not in map(kinds.get, factors)


def test_votes_are_log_probabilities_however_far_off_a_slice_is():
    network = svm.fit_zone_svms(*examples(), seed=0)
    strange = np.concatenate([examples()[0][:1] * scale for scale in (-1e3, 0, 1, 1e6, 1e30)])
    logits = votes(network, strange)
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, atol=1e-5)


def test_zones_that_tell_nothing_are_not_sure_of_anything():
    network = svm.fit_zone_svms(*examples(n_songs=90), seed=0)
    sure = np.exp(votes(network, examples(seed=1)[0])).max(axis=1).reshape(-1, N_ZONES)
    assert sure[:, ::2].mean() > 0.8
    assert sure[:, 1::2].mean() < 0.5


def test_labels_may_leave_genres_open():
    x, candidates, songs = examples(n_songs=90)
    candidates[songs % 2 == 0, :2] |= candidates[songs % 2 == 0, :2].any(axis=1, keepdims=True)
    assert (candidates.sum(axis=1) == 2).sum() == 60
    unknown, truth, _ = examples(seed=1)
    logits = votes(svm.fit_zone_svms(x, candidates, songs, 0), unknown)
    song = logits.reshape(-1, N_ZONES, N_GENRES)[:, ::2].mean(axis=1).argmax(axis=1)
    assert (song == truth.argmax(axis=1)).mean() > 0.85


@pytest.mark.parametrize("n_songs", [1, 2, 3, 4, 7])
def test_a_handful_of_songs_is_enough_to_get_through(n_songs):
    x, candidates, songs = examples(n_songs)
    logits = votes(svm.fit_zone_svms(x, candidates, songs, 0), x)
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, atol=1e-5)


def test_a_genre_without_a_song_is_hardly_ever_answered():
    x, candidates, songs = examples()
    without = np.insert(candidates, 1, values=False, axis=1)
    logits = votes(svm.fit_zone_svms(x, without, songs, 0), examples(seed=1)[0])
    assert np.exp(logits[:, 1]).max() < 0.1


def test_values_that_never_vary_do_no_harm():
    x, candidates, songs = examples()
    x[:, :, -1] = 1e5
    x[:, 1] = 0
    logits = votes(svm.fit_zone_svms(x, candidates, songs, 0), x)
    assert np.isfinite(logits).all()
    assert len(np.unique(logits[1::N_ZONES], axis=0)) == 1


def test_one_seed_gives_one_network():
    first, again, other = (svm.fit_zone_svms(*examples(), seed=seed) for seed in (0, 0, 1))
    assert first == again != other


def test_a_large_library_is_thinned(monkeypatch):
    monkeypatch.setattr(svm, "MAX_SLICES", 20)
    monkeypatch.setattr(svm, "SEARCH_SLICES", 10)
    large = onnx.load_from_string(svm.fit_zone_svms(*examples(n_songs=30), seed=0))
    (weights,) = (entry for entry in large.graph.initializer if entry.name == "weights")
    assert list(weights.dims) == [N_ZONES, 20, N_GENRES]


def test_the_network_needs_no_operators_beyond_the_standard_ones():
    network = onnx.load_from_string(svm.fit_zone_svms(*examples(n_songs=9), seed=0))
    assert {entry.domain for entry in network.opset_import} == {""}


def test_a_machine_that_is_wrong_by_chance_is_not_turned_round():
    x = np.tile([[-1.0], [1.0]], (4, 1))
    folds = np.repeat([0, 1], 4)
    is_genre = np.where(folds == 0, x[:, 0] < 0, x[:, 0] > 0)  # each fold contradicts the other
    setting = svm.Setting(1.0, 1.0)
    _, _, slope, offset = svm.fit_machine(x, is_genre, np.ones(8), folds, setting)
    assert (slope, offset) == (0, 0)


SONGS = st.lists(st.integers(0, 6), min_size=1, max_size=60).map(np.array)


@given(SONGS, st.integers(1, 80), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_no_song_gives_more_slices_than_another_that_has_more(songs, n_most, seed):
    kept = svm.evenly(songs, n_most, seed)
    assert len(kept) == min(n_most, len(songs))
    assert (np.diff(kept) > 0).all()
    had, given_ = np.bincount(songs, minlength=7), np.bincount(songs[kept], minlength=7)
    left_some = given_ < had
    if left_some.any():
        assert given_.max() <= given_[left_some].min() + 1


@given(SONGS, st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_folds_keep_songs_whole_and_share_out_genres(songs, seed):
    candidates = np.eye(2, dtype=bool)[songs % 2]
    fold = svm.song_folds(candidates, songs, seed)
    assert all(len(set(fold[songs == song])) == 1 for song in songs)
    for genre in range(2):
        sizes = [len(set(songs[(fold == f) & candidates[:, genre]])) for f in range(svm.N_FOLDS)]
        assert max(sizes) - min(sizes) <= 1


# --- Systems -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "shape"),
    [
        (COSTA2011, (10, 28)),
        (COSTA2017_LBP, (10, 59)),
        (COSTA2017_CNN, (300, 128)),
        (COSTA2017, (750 * 64 + 590,)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_slices_have_the_shape_that_the_system_takes(system, shape):
    assert slice_shape(system.spectrogram, system.slices) == shape


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Six high and six low tones."""
    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    found = []
    for genre, hz in {"High": 5_000, "Low": 400}.items():
        for number in range(6):
            samples = tone(2.0, hz * rng.uniform(0.8, 1.25), 44_100, 1)
            noisy = samples + 0.01 * rng.standard_normal(samples.shape)
            path = write_audio(folder / f"{genre}-{number}.wav", noisy, 44_100)
            found.append(LabelledTrack(path, (genre,)))
    return found


@pytest.mark.parametrize("system", [COSTA2011, COSTA2017_LBP], ids=lambda system: system.name)
def test_machines_learn_from_files(system, tracks, tmp_path):
    pytest.importorskip("skimage")
    held_out = np.arange(len(tracks)) % 3 == 0
    trained = train_system(system, tracks, ("High", "Low"), held_out, tmp_path, seed=0)
    for track in np.array(tracks, dtype=object)[held_out]:
        (file,) = (piece for piece in slices_of_track(system, track))
        song = np.exp(votes(trained.onnx, file[None])).mean(axis=0)
        assert ("High", "Low")[song.argmax()] == track.label


def slices_of_track(system, track):
    from genre_model.features.frontend import slices_of

    return [piece.values for piece in slices_of(track.path, system.spectrogram, system.slices)]


@pytest.mark.parametrize("library", ["sklearn", "onnx", "skimage"])
def test_a_missing_library_is_a_sentence(library, tracks, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "genre_model.training.networks.base.find_spec",
        lambda name: None if name == library else object(),
    )
    with pytest.raises(GenreModelError) as caught:
        train_system(COSTA2011, tracks, ("High", "Low"), np.arange(12) < 4, tmp_path, seed=0)
    sentence = f"training costa2011 needs {library}: pip install 'beets-cnngenre[train]'"
    assert str(caught.value) == sentence


# --- The network, and the network with SVMs ------------------------------------------------------


@pytest.fixture
def quiet_tensorflow():
    from genre_model.training.keras_export import require_tensorflow

    require_tensorflow("costa2017")


def segments(n_songs=8, seed=0):
    """Vectors of a picture and histograms; one genre has bright pictures, the other dark ones."""
    rng = np.random.default_rng(seed)
    songs = np.arange(n_songs)
    level = np.where(songs % 2, 180.0, 60.0)[:, None]
    pictures = level + 20 * rng.standard_normal((n_songs, 750 * 64))
    histograms = rng.dirichlet(np.ones(59), (n_songs, 10)).reshape(n_songs, -1)
    slices = np.concatenate([pictures, histograms], axis=1).astype(np.float32)
    return slices, np.eye(2, dtype=bool)[songs % 2], songs


@pytest.mark.tensorflow
@pytest.mark.usefixtures("quiet_tensorflow")
def test_the_network_has_the_cost_that_it_claims():
    for n_genres in (2, 9):
        model = costa2017.build((300, 128), n_genres)
        assert model.output_shape == (None, n_genres)
        cost = COSTA2017_CNN.cost
        assert model.count_params() == cost.weights + n_genres * cost.weights_per_genre


@pytest.mark.tensorflow
@pytest.mark.usefixtures("quiet_tensorflow")
def test_the_network_sees_the_same_in_a_picture_and_in_its_thumbnail():
    from genre_model.features.textures import thumbnail

    whole, small = (
        costa2017.build((300, 128), 2),
        costa2017.build((150, 64), 2, shrink=1),
    )
    small.set_weights(whole.get_weights())
    picture = np.random.default_rng(0).integers(4, 255, (300, 128)).astype(np.float32)
    np.testing.assert_allclose(
        whole(picture[None]), small(thumbnail(picture)[None]), rtol=1e-4, atol=1e-5
    )


@pytest.mark.tensorflow
@pytest.mark.usefixtures("quiet_tensorflow")
def test_both_together_are_the_mean_of_either():
    from genre_model.training.keras_export import export_onnx

    slices, candidates, songs = segments()
    pictures, histograms = costa2017.apart(slices)
    pieces = pictures.reshape(-1, 150, 64)
    network = export_onnx(costa2017.build((150, 64), 2, shrink=1))
    machines = svm.fit_zone_svms(histograms, candidates, songs, 0)
    whole = costa2017.fused(network, machines, (150, 64))
    checked_model(whole)  # a network that fails it would not be loaded
    both = np.exp(votes(whole, slices))
    shares = np.exp(votes(network, pieces))
    of_network = (shares / shares.sum(axis=1, keepdims=True)).reshape(-1, 5, 2).mean(axis=1)
    of_machines = np.exp(votes(machines, histograms)).reshape(-1, 10, 2).mean(axis=1)
    np.testing.assert_allclose(both, (of_network + of_machines) / 2, rtol=1e-4)


@pytest.mark.tensorflow
@pytest.mark.usefixtures("quiet_tensorflow")
def test_both_learn_the_same_way_every_time(monkeypatch):
    monkeypatch.setattr(costa2017, "TRAINING", replace(costa2017.TRAINING, epochs=3))
    slices, candidates, songs = segments(n_songs=4)
    unknown, truth, _ = segments(n_songs=4, seed=1)
    first, again = (
        votes(costa2017.fit_both(slices, candidates, songs, 0), unknown) for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(np.exp(first).sum(axis=1), 1, atol=1e-5)
    assert (first.argmax(axis=1) == truth.argmax(axis=1)).all()


@pytest.mark.tensorflow
@pytest.mark.usefixtures("quiet_tensorflow")
def test_the_loss_is_that_of_the_genres_that_are_open():
    logits = np.log(np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]], np.float32))
    candidates = np.array([[1, 0, 0], [1, 1, 0]], np.float32)
    loss = costa2017.open_cross_entropy(candidates, logits + 3)
    np.testing.assert_allclose(loss, -np.log([0.2, 0.5]), rtol=1e-5)


@pytest.mark.tensorflow
@pytest.mark.usefixtures("quiet_tensorflow")
def test_missing_tensorflow_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(GenreModelError, match="training costa2017 needs TensorFlow"):
        costa2017.fit_both(*segments(), seed=0)
