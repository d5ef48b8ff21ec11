"""How the shipped model is made: the halves, the head, the report, the bundle.

The data are made up; the last test makes the real head again if the labelled clips are there.
"""

import csv
import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audio_files import tone, write_audio

from genre_model.core.specs import AggregationSpec
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.classifier import Classifier
from shipped_model import choice, head, report
from shipped_model.choice import choose_head_settings, confidence_loss
from shipped_model.clips import RENDERINGS, fitted_half, label_clips, without_features
from shipped_model.fit import main
from shipped_model.groups import group_classes, group_genres
from shipped_model.head import HeadSettings, Prior, fit_on, leave_out, out_of_fold, tag_prior
from shipped_model.scoring import is_right
from shipped_model.settings import read_settings, vocabulary_of

ROOT = Path(__file__).parents[2]
MUSIC = Path(os.environ.get("CNNGENRE_MUSIC", ROOT.parent / "shared" / "music"))
NETWORK, LICENCE = SHIPPED / "network.onnx", SHIPPED / "LICENSE-musicnn.md"
RENDERED = Path(os.environ.get("CNNGENRE_RENDERINGS", "/no such folder"))
SETTINGS = read_settings()
LABELS = [label for label in SETTINGS.labels if not label.startswith(f"{RENDERINGS}/")]
LEFT_OUT = ("Jazz", "Classical")


def rows_of(n_artists=4, tracks_each=2, labels=LABELS):
    """Rows of a manifest: ``n_artists`` with ``tracks_each`` for every label."""
    rows = []
    for label in labels:
        music, genre = label.split("/")
        for artist in range(n_artists):
            for track in range(tracks_each):
                name = f"{music}-{genre.replace(' ', '_')}-{artist}-{track}.wav"
                row = {"path": name, "genre": genre, "style": "", "set": music}
                rows.append(row | {"artist": f"{label} {artist}"})
    return rows


# --- Genres and labels ----------------------------------------------------------------------------


def test_the_settings_name_only_what_there_is():
    genres = set(SETTINGS.genres)
    assert {tag for tags in SETTINGS.tags.values() for tag in tags} <= set(SETTINGS.msd_tags)
    assert set(SETTINGS.parents.values()) <= genres
    assert not set(SETTINGS.parents.values()) & set(SETTINGS.parents)  # families have two levels
    for named in (SETTINGS.presets, SETTINGS.labels, SETTINGS.styles):
        assert {genre for candidates in named.values() for genre in candidates} <= genres
    assert set(choice.LEFT_OUT) <= genres


def test_the_shipped_bundle_has_these_genres():
    manifest = load_bundle(SHIPPED).manifest
    assert list(manifest.genres) == list(SETTINGS.genres)
    assert manifest.parents == SETTINGS.parents
    assert list(manifest.network.tag_names) == SETTINGS.msd_tags


def test_a_style_adds_to_what_a_label_leaves_open():
    rows = [
        {"genre": "Pop", "style": style, "set": "emotify", "artist": style, "path": ""}
        for style in ("", "Alternative Rock", "Ambient")
    ]
    clips = without_features(rows, SETTINGS)

    def named(mask):
        return [
            {g for g, is_open in zip(clips.genres, row, strict=True) if is_open} for row in mask
        ]

    rock = {"Rock", "Alternative", "Metal", "Punk Rock"}
    assert named(clips.candidates) == [{"Pop"}, {"Pop"} | rock, {"Pop", "Ambient"}]
    assert named(clips.strict) == [{"Pop"}] * 3


def test_no_artist_is_in_both_halves():
    rows = rows_of(n_artists=5)
    clips = without_features(rows, SETTINGS)
    half = fitted_half(clips)
    fitted = {clips.artists[i] for i in np.flatnonzero(half)}
    kept_out = {clips.artists[i] for i in np.flatnonzero(~half)}
    assert not fitted & kept_out
    for label in LABELS:  # the fit uses three of five artists
        assert len({artist for artist in fitted if artist.startswith(f"{label} ")}) == 3
    order = np.random.default_rng(0).permutation(len(rows))
    turned = fitted_half(without_features([rows[i] for i in order], SETTINGS))
    np.testing.assert_array_equal(turned, half[order])


# --- The head -------------------------------------------------------------------------------------


def test_rendered_scores_are_fitted_on_beside_the_clips(prior):
    rows = rows_of(2, 1) + rows_of(1, 4, [f"{RENDERINGS}/Classical"])
    classical = list(SETTINGS.genres).index("Classical")
    rng = np.random.default_rng(0)
    features = [rng.normal(0, 0.1, (1, len(prior.groups) - 1)).astype(np.float32) for _ in rows]
    for values in features[-4:]:
        values[:, 0] += 3
    clips = label_clips(rows, features, SETTINGS)
    fit = np.arange(len(rows) - 4)
    logits = [
        fit_on(each, fit, prior, HeadSettings(0.3, 0.5)).logits(features[-1])[0, classical]
        for each in (replace(clips, labels=[f"other {label}" for label in clips.labels]), clips)
    ]
    assert logits[1] > logits[0] + 1
    without = leave_out(clips, fit, fit, prior, "Classical", HeadSettings(0.3, 0.5))
    assert not len(without.clips.renderings)


def test_the_prior_is_the_network_layer_of_the_tags():
    import onnx
    from onnx import numpy_helper

    prior = tag_prior(NETWORK, SETTINGS)
    tensors = {t.name: t for t in onnx.load(str(NETWORK)).graph.initializer}
    kernel = numpy_helper.to_array(tensors["tags_kernel"])
    genres, tags = list(SETTINGS.genres), SETTINGS.msd_tags
    jazz = prior.all_tags[:, genres.index("Jazz")]
    np.testing.assert_array_equal(jazz[:200], kernel[:, tags.index("jazz")])
    assert not jazz[200:-1].any()
    metal = genres.index("Metal")
    both = (kernel[:, tags.index("metal")] + kernel[:, tags.index("heavy metal")]) / 2
    np.testing.assert_allclose(prior.all_tags[:200, metal], both, rtol=1e-6)
    np.testing.assert_array_equal(prior.leading_tag[:200, metal], kernel[:, tags.index("metal")])
    assert not prior.all_tags[:, genres.index("Reggae")].any()


def test_the_prior_has_a_genres_own_tag_groups():
    prior, genres = tag_prior(NETWORK, SETTINGS), list(SETTINGS.genres)
    of_teacher = list(group_classes())
    for genre in ("Reggae", "Rock"):
        rows = np.flatnonzero(prior.groups[:, genres.index(genre)]) - 200
        assert [(of_teacher * 2)[row] for row in rows] == [genre, genre]
    of_rock, of_metal = (prior.groups[:, genres.index(name)] for name in ("Rock", "Metal"))
    np.testing.assert_array_equal(of_metal, of_rock)  # a subgenre has its parent's groups
    np.testing.assert_allclose(of_rock.sum(), 1)
    with pytest.raises(ValueError, match="no multiple"):
        group_genres(7)


@pytest.fixture
def clips():
    """Clips in a different direction for each genre; labels leave a family's subgenres open."""
    rows, rng = rows_of(n_artists=5, tracks_each=2), np.random.default_rng(0)
    genres = list(SETTINGS.genres)
    directions = 3 * np.linalg.qr(rng.standard_normal((200, len(genres))))[0].T
    features = []
    for row in rows:
        genre = SETTINGS.labels[f"{row['set']}/{row['genre']}"][0]
        noise = 0.3 * rng.standard_normal((3, 200))
        features.append((directions[genres.index(genre)] + noise).astype(np.float32))
    return label_clips(rows, features, SETTINGS)


@pytest.fixture
def prior(clips):
    rng = np.random.default_rng(1)
    return Prior(*(0.01 * rng.standard_normal((201, len(clips.genres))) for _ in range(3)))


def test_the_head_learns_the_labels_of_artists_that_it_has_not_seen(clips, prior):
    tracks = np.arange(len(clips.labels))
    logits = out_of_fold(clips, tracks, prior, HeadSettings(1.0, 0.5))
    families = np.log(np.exp(logits) @ clips.families)
    right = (clips.candidates @ clips.families > 0)[tracks, families.argmax(axis=1)]
    assert right.mean() > 0.95


def test_kinds_of_a_family_are_told_apart_by_their_tags_alone(clips, prior):
    tracks = np.arange(len(clips.labels))
    rock, metal, jazz = (clips.genres.index(name) for name in ("Rock", "Metal", "Jazz"))
    lead = np.zeros((201, len(clips.genres)))
    lead[-1, metal] = 2.0  # makes its leading tag likelier for any music
    led = fit_on(clips, tracks, replace(prior, leading_tag=lead), HeadSettings(1.0, 0.5))
    logits = led.logits(clips.means.astype(np.float32))
    np.testing.assert_allclose(logits[:, metal] - logits[:, rock], 2.0, atol=1e-3)
    plain = fit_on(clips, tracks, prior, HeadSettings(1.0, 0.5))
    np.testing.assert_allclose(led.weights[:, jazz], plain.weights[:, jazz], atol=1e-6)


def test_what_is_left_out_is_neither_fitted_nor_answered(clips, prior):
    tracks = np.arange(len(clips.labels))
    left_out = leave_out(clips, tracks, tracks, prior, "Jazz", HeadSettings(1.0, 0.5))
    assert "Jazz" not in left_out.clips.genres
    assert {clips.labels[i] for i in left_out.tracks} == {"allmusic/Jazz"}
    assert left_out.logits.shape == (len(left_out.tracks), len(clips.genres) - 1)
    changed = list(clips.features)
    for index in left_out.tracks:
        changed[index] = -changed[index]
    without = replace(clips, features=changed)
    again = leave_out(without, tracks, tracks, prior, "Jazz", HeadSettings(1.0, 0.5))
    # The logits of one head for x and for -x add up to twice its bias.
    np.testing.assert_allclose(np.ptp(left_out.logits + again.logits, axis=0), 0, atol=1e-4)


def test_the_choice_is_among_what_is_tried(clips, prior, monkeypatch):
    monkeypatch.setattr(choice, "RIDGES", (0.3, 1e6))
    monkeypatch.setattr(choice, "BALANCES", (0.5,))
    monkeypatch.setattr(choice, "GROUP_WEIGHTS", (0.0,))
    chosen = choose_head_settings(clips, np.arange(len(clips.labels)), prior)
    assert chosen == HeadSettings(0.3, 0.5)  # 1e6 keeps the head at the prior, which knows nothing


def test_confidence_in_the_wrong_genre_costs_most(clips):
    tracks = np.arange(len(clips.labels))
    right = np.where(clips.candidates, 5.0, -5.0).astype(np.float32)
    spec = AggregationSpec("product", 1.0, 0.0)
    unsure = np.zeros_like(right)
    jazz, latin = (clips.genres.index(name) for name in ("Jazz", "Latin"))
    wrong = np.full_like(right, -5.0)
    wrong[tracks, np.where(clips.candidates[:, jazz], latin, jazz)] = 5.0
    losses = [confidence_loss(clips, tracks, logits, spec) for logits in (right, unsure, wrong)]
    assert losses == sorted(losses)
    assert losses[0] < 0.1
    assert losses[2] > 2


def test_a_parent_of_what_is_open_is_right():
    vocabulary = vocabulary_of(list(SETTINGS.genres), SETTINGS.parents)
    genres = list(SETTINGS.genres)
    metal = np.array([genre == "Metal" for genre in genres])
    answers = ["Metal", "Rock", "Alternative", "Jazz"]
    right = is_right(answers, genres, np.tile(metal, (4, 1)), vocabulary)
    assert right.tolist() == [True, True, False, False]


# --- The command ----------------------------------------------------------------------------------


def write_tones(folder, rows):
    """Write a folder with a manifest and a file for each row, with one pitch per label."""
    folder.mkdir()
    pitches = {label: 120 * 1.35**n for n, label in enumerate(SETTINGS.labels)}
    for number, row in enumerate(rows):
        hz = pitches[f"{row['set']}/{row['genre']}"] * (1 + number % 4 / 200)
        write_audio(folder / row["path"], tone(3.2, hz, 16_000, 1), 16_000)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with two runs of the command on short tones, one pitch per label."""
    folder = tmp_path_factory.mktemp("made")
    music, rendered = folder / "music", folder / "rendered"
    write_tones(music, rows_of(n_artists=4, tracks_each=1))
    write_tones(rendered, rows_of(1, 2, [f"{RENDERINGS}/Classical"]))
    arguments = [str(music), str(NETWORK), str(LICENCE), "--renderings", str(rendered)]
    files = ["--report", str(folder / "page.md"), "--features", str(folder / "features.npz")]
    with pytest.MonkeyPatch.context() as patch:  # few settings to choose from, for speed
        for name in ("RIDGES", "BALANCES", "GROUP_WEIGHTS"):
            patch.setattr(choice, name, getattr(choice, name)[:1])
        for name in ("INVERSE_TEMPERATURES", "OTHER_LOGITS"):
            patch.setattr(choice, name, getattr(choice, name)[::9])
        for module in (choice, report):
            patch.setattr(module, "LEFT_OUT", LEFT_OUT)
        patch.setattr(head, "N_FOLDS", 2)
        for name in ("first", "again"):  # the second run reads the stored features
            main([*arguments, str(folder / name), *files])
    return folder


def test_the_command_makes_a_bundle_that_classifies(made):
    bundle = load_bundle(made / "first")
    features = Classifier(bundle).extract(made / "music" / "allmusic-Jazz-0-0.wav")
    probabilities = Classifier(bundle).probabilities(features)
    assert set(probabilities) == set(SETTINGS.genres)
    assert sum(probabilities.values()) < 1  # "something else" has the rest
    provenance = bundle.manifest.provenance
    assert provenance["n_artists"] == 2 * len(LABELS) + 1
    assert provenance["data"][f"{RENDERINGS}/Classical"] == 2


def test_the_same_clips_make_the_same_bundle(made):
    first, again = (load_bundle(made / name).manifest for name in ("first", "again"))
    assert first.bundle_id == again.bundle_id
    assert first.files == again.files


def test_the_page_reports_on_all_that_was_kept_out(made):
    page = (made / "page.md").read_text(encoding="utf-8")
    assert "{" not in page
    tables = defaultdict(list)
    for line in page.splitlines():
        if line.startswith("### "):
            title = line[4:]
        elif line.startswith("| ") and not line.startswith("|---"):
            tables[title].append([cell.strip() for cell in line.strip("|").split("|")])
    by_label = tables["By label, at the default threshold"][1:]
    assert [row[0] for row in by_label] == sorted(LABELS)
    assert {row[1] for row in by_label} == {"2"}
    left_out = tables["A genre that the list lacks"]
    assert [row[0] for row in left_out[1:-1]] == list(LEFT_OUT)
    assert page.split("<!--")[1].startswith(" Written by shipped_model/fit.py")
    card = (made / "first" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert page.endswith(card)


@pytest.mark.music
@pytest.mark.skipif(not RENDERED.is_dir(), reason="CNNGENRE_RENDERINGS names no folder")
def test_the_real_clips_make_the_shipped_head(tmp_path):
    page = ["--renderings", str(RENDERED), "--report", str(tmp_path / "page.md")]
    main([str(MUSIC), str(NETWORK), str(LICENCE), str(tmp_path / "made"), *page])
    made, shipped = (load_bundle(folder) for folder in (tmp_path / "made", SHIPPED))
    assert made.manifest.aggregation == shipped.manifest.aggregation
    with np.load(tmp_path / "made" / "head.npz") as ours, np.load(SHIPPED / "head.npz") as theirs:
        for name in theirs.files:
            np.testing.assert_allclose(ours[name], theirs[name], atol=1e-5)
