"""``beet cnntrain`` as a real command, with a library of tones and the shipped network."""

import json
import re
import shutil
import subprocess

import pytest
from labelled_library import HZ, bundles, models, row, sqlite
from plugin_files import tag, with_bug

from genre_model.cli.main import main
from genre_model.model.bundle.store import SHIPPED, load_bundle


def test_pretend_shows_the_classes_and_stops(labelled):
    labelled("modify", "-y", "title:Hum 0", "genres=Polka")
    output = labelled("cnntrain", "--pretend")
    assert output.splitlines()[0].split() == ["genre", "tracks", "artists"]
    assert [row(output, genre) for genre in HZ] == [["8", "4"], ["7", "4"], ["8", "4"]]
    assert row(output, "Polka") == ["1", "not used: fewer than 4 tracks"]
    assert len(output.splitlines()) == 5
    assert not (labelled.home / "cnngenre").exists()


def test_it_learns_and_says_what_that_is_worth(made, tmp_path):
    beet, output = made("trained", tmp_path / "copy")
    assert "24 tracks of 12 artists, 5 folds, split by artist" in output
    assert re.search(r"right: (9\d|100)\.\d% of songs \(95 % interval", output)
    assert "always the most frequent genre: 33.3%" in output
    assert re.search(r"report: file:///.*/report\.html", output)
    [bundle] = bundles(beet)
    assert bundle.name in output
    assert load_bundle(bundle).manifest.genres == ("Glint", "Hum", "Murk")
    assert json.loads((bundle / "report.json").read_bytes())["n_tracks"] == 24


def test_from_then_on_gaps_are_filled_with_the_users_own_genres(trained):
    output = trained("genre", "--threshold", "0.5")  # the album's other tracks have other genres
    assert output.splitlines()[-2].startswith("tagged 3, kept 24, unsure 0, failed 0")
    [bundle] = bundles(trained)
    for title, genres, model in trained.fields("genres", "cnngenre_model"):
        assert genres == title.split()[0]
        assert model == (bundle.name if title.endswith("8") else "$cnngenre_model")


def test_what_the_plugin_labelled_itself_is_left_out_unless_it_was_edited(trained):
    trained("genre", "-q", "--threshold", "0.5")
    output = trained("cnntrain", "-p")
    assert output.splitlines()[-1] == "not used, as cnngenre labelled them: 3 tracks"
    assert row(output, "Hum")[0] == "8"
    trained("modify", "-y", "title:Glint 8", "genres=Hum")
    output = trained("cnntrain", "-p")
    assert output.splitlines()[-1] == "not used, as cnngenre labelled them: 2 tracks"
    assert row(output, "Hum")[0] == "9"


def test_a_second_training_extracts_nothing_and_the_first_model_can_be_named(trained):
    [first] = bundles(trained)
    trained.config["plugins"] = ["cnngenre", "noextraction"]
    output = trained("cnntrain", "--genres", "murk,HUM")
    assert f"cnngenre goes on with {first.name}: it is not right more often than" in output
    assert trained.errors == ""
    [second] = set(bundles(trained)) - {first}
    assert load_bundle(second).manifest.genres == ("HUM", "murk")
    trained.config["plugins"] = ["cnngenre"]
    trained("genre", "-q", "--threshold", "0.5", "title:Murk 8")
    trained("genre", "-q", "--model", first.name, "title:Hum 8")
    trained("genre", "-q", "--model", second.name, "--threshold", "0", "title:Glint 8")
    shown = dict(trained.fields("cnngenre_model", query=["cnngenre_model::."]))
    assert shown == {"Murk 8": first.name, "Hum 8": first.name, "Glint 8": second.name}


def test_a_copy_under_another_name_is_left_out(labelled, tmp_path):
    """If both sides of a split had a copy, a model could answer what it has learned by heart."""
    copied = shutil.copy(labelled.paths()["Hum 0"], tmp_path / "copy.wav")
    tag(copied, ["Hum"], title="Hum again", artist="Somebody")
    labelled("import", "-A", "-s", copied)
    output = labelled("cnntrain")
    assert "24 tracks of 12 artists" in output
    assert labelled.errors == "cnngenre: not used: 1 track with the same audio as another\n"


def test_tracks_that_cannot_be_read_are_warned_of_and_the_others_teach(labelled, tmp_path):
    bad = tmp_path / "broken.wav"
    bad.write_bytes(b"nothing")
    sqlite(labelled, "UPDATE items SET path = ? WHERE title = 'Hum 0'", bytes(bad))
    sqlite(labelled, "UPDATE items SET path = ? WHERE title = 'Hum 2'", b"/nowhere/1.wav")
    (labelled.home / "cnngenre").mkdir()
    (labelled.home / "cnngenre" / "features.db").write_bytes(b"not a database, " * 1_000)
    output = labelled("cnntrain")
    assert "22 tracks of 12 artists" in output
    assert "Hum 0 - Hum 0: not readable as audio" in labelled.errors
    assert "Hum 1 - Hum 2: no such file" in labelled.errors
    assert "features.db is damaged: set aside as features.db.damaged, begun anew" in labelled.errors
    assert len(bundles(labelled)) == 1


def test_a_bug_at_one_track_is_logged_with_its_traceback_and_the_others_teach(labelled, tmp_path):
    jazz = shutil.copy(labelled.paths()["Hum 0"], tmp_path / "Jazz.wav")
    sqlite(labelled, "UPDATE items SET path = ? WHERE title = 'Hum 0'", bytes(jazz))
    done = subprocess.run(
        [*labelled.command(), "cnntrain"],
        env=labelled.environment() | with_bug(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "23 tracks of 12 artists" in done.stdout
    assert done.stderr.count("ZeroDivisionError") == 1
    assert "Jazz.wav: internal error\nTraceback" in done.stderr
    assert "Hum 0 - Hum 0: internal error, see the log" in done.stderr
    assert len(bundles(labelled)) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["genres:Hum"], "only Hum has 4 tracks or more: nothing to tell apart"),
        (["title:Nothing"], "cnntrain: no track matches the query"),
        (["title::8$"], "no genre has 4 tracks or more: nothing to tell apart"),
        (["--genres", "Hum,Polka"], "no tracks are labelled Polka"),
        (["--min-tracks", "9"], "no genre has 9 tracks or more: nothing to tell apart"),
        (["--min-tracks", "0"], "min_tracks must be at least 1, not 0"),
        (["--target-precision", "1.5"], "target_precision must be from 0 to 1, not 1.5"),
        (["--labels", "last"], "labels"),
        (["-t", "0"], "threads must be at least 1, not 0"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence_and_status_1(labelled, arguments, sentence):
    output = labelled("cnntrain", *arguments, status=1)
    assert sentence in labelled.errors
    assert len(labelled.errors.strip().splitlines()) == 1
    assert output == ""
    assert not models(labelled).exists()


def test_when_nothing_can_be_decoded_nothing_is_written(labelled):
    sqlite(labelled, "UPDATE items SET path = CAST('/nowhere/' || id || '.wav' AS BLOB)")
    labelled("cnntrain", status=1)
    lines = labelled.errors.strip().splitlines()
    assert len(lines) == 7
    assert lines[-2].endswith("and 19 more")
    assert "too few tracks with sound are left" in lines[-1]
    assert not models(labelled).exists()


def test_a_broken_newest_model_is_passed_over_with_a_warning(trained):
    [good] = bundles(trained)
    newer = models(trained) / "29991231-newer"
    shutil.copytree(good, newer)
    manifest = json.loads((newer / "manifest.json").read_bytes())
    manifest["bundle_id"] = newer.name
    (newer / "manifest.json").write_text(json.dumps(manifest))
    (newer / "head.npz").write_bytes(b"damaged")
    (models(trained).parent / "in-use.json").unlink()
    (models(trained) / "29991231-empty").mkdir()
    (models(trained) / "29991231-text").mkdir()
    (models(trained) / "29991231-text" / "manifest.json").write_text("{")
    trained("genre", "-q", "--threshold", "0.5", "title:Hum 8")
    assert "head.npz is damaged or was changed" in trained.errors
    assert trained.errors.count("passed over: ") == 2
    assert trained.fields("cnngenre_model", query=["title:Hum 8"]) == [("Hum 8", good.name)]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(trained):
    before = bundles(trained)
    trained.config["plugins"] = ["cnngenre", "fulldisk"]
    trained("cnntrain", status=1)
    assert "No space left on device" in trained.errors
    assert len(trained.errors.strip().splitlines()) == 1
    assert bundles(trained) == before
    assert not list(models(trained).glob(".*"))


def test_a_model_that_would_answer_nothing_does_not_take_the_place_of_one_that_answers(labelled):
    few = labelled("cnntrain", "title::^(Glint|Hum) [0-3]$")
    assert "cnngenre goes on with the shipped model: " in few
    [poor] = [bundle.name for bundle in bundles(labelled)]
    labelled("genre", "-W", "title:Murk 8")
    shipped = load_bundle(SHIPPED).manifest.bundle_id
    assert labelled.fields("cnngenre_model", query=["title:Murk 8"]) == [("Murk 8", shipped)]
    labelled("genre", "-W", "-f", "--model", poor, "--threshold", "0", "title:Murk 8")
    assert labelled.fields("cnngenre_model", query=["title:Murk 8"]) == [("Murk 8", poor)]


def test_a_model_of_some_genres_does_not_take_the_place_of_one_that_answers_more(labelled):
    """It is better on its own tracks, but tracks of other genres would get one of its genres."""
    only = ("cnntrain", "--name", "few", "--target-precision", "0", "--genres", "Murk,Hum")
    last = labelled(*only).splitlines()[-1]
    sentence = "cnngenre goes on with the shipped model: it cannot answer Hip Hop, "
    assert last.startswith(sentence)
    assert last.endswith(" and 12 more. --model few uses the new one all the same")


def test_a_model_of_some_tracks_does_not_take_the_place_of_one_that_answers_more(labelled):
    swap = [("genres:Hum", "Other"), ("genres:Murk", "Hum"), ("genres:Other", "Murk")]
    for query, genre in swap:
        labelled("modify", "-y", query, f"genres={genre}")
    output = labelled("cnntrain", "--name", "whole", "--target-precision", "0")
    assert "cnngenre uses it from now on" in output
    for query, genre in swap:
        labelled("modify", "-y", query, f"genres={genre}")
    output = labelled("cnntrain", "--name", "part", "--target-precision", "0", "genres::Murk|Hum")
    assert output.splitlines()[-1].startswith("cnngenre goes on with whole: it cannot answer Glint")


def in_use(beet):
    return json.loads((models(beet).parent / "in-use.json").read_bytes())


def test_a_training_that_is_better_is_used_and_compared_on_the_same_tracks(made, tmp_path):
    beet, output = made("trained", tmp_path / "copy")
    [bundle] = bundles(beet)
    assert "cnngenre uses it from now on, instead of the shipped model" in output
    assert in_use(beet) == ["shipped", bundle.name]
    new, shipped = (row(output, name)[0] for name in ("new", "shipped"))
    assert float(new.split()[0].rstrip("%")) > float(shipped.split()[0].rstrip("%"))
    assert [one["name"] for one in report_of(bundle)["models"]] == ["new", "shipped"]


def report_of(bundle):
    return json.loads((bundle / "report.json").read_bytes())


def test_a_model_of_wrong_labels_is_kept_under_its_name_and_not_used(trained):
    [good] = bundles(trained)
    for number in range(8):
        genre = ("Glint", "Hum", "Murk")[number % 3]
        trained("modify", "-y", f"title::^(Glint|Hum|Murk) {number}$", f"genres={genre}")
    output = trained("cnntrain", "--name", "wrong")
    assert f"cnngenre goes on with {good.name}: " in output
    assert "--model wrong uses the new one all the same" in output
    assert row(output, good.name)
    assert in_use(trained)[-1] == good.name
    trained("genre", "-q", "--threshold", "0.5", "title:Hum 8")
    assert trained.fields("cnngenre_model", query=["title:Hum 8"]) == [("Hum 8", good.name)]


def test_two_tracks_of_a_genre_teach_and_pretending_shows_even_one(labelled):
    labelled.config["cnngenre"]["train"] = {}
    two = "title::^(Glint|Hum|Murk) [03]$"
    assert row(labelled("cnntrain", "--pretend", two), "Hum") == ["2", "2"]
    output = labelled("cnntrain", "--name", "few", two)
    assert "6 tracks of " in output
    assert load_bundle(models(labelled) / "few").manifest.genres == ("Glint", "Hum", "Murk")
    one = labelled("cnntrain", "--pretend", "title:Hum 0")
    assert row(one, "Hum") == ["1", "not used: fewer than 2 tracks"]
    assert "with fewer than two genres there is nothing to tell apart" in one


def test_genres_without_labels_stay_answerable(labelled):
    labelled("modify", "-y", "genres:Hum", "genres=Jazz")
    labelled("modify", "-y", "genres:Murk", "genres=Bebop")
    labelled("cnntrain", "--name", "open")
    genres = load_bundle(models(labelled) / "open").manifest.genres
    assert genres[:3] == ("Bebop", "Glint", "Jazz")
    assert {"Rock", "Classical", "Hip Hop"} < set(genres)
    labelled.config["cnngenre"]["train"]["others"] = False
    labelled("cnntrain", "--name", "closed")
    closed = load_bundle(models(labelled) / "closed").manifest.genres
    assert closed == ("Bebop", "Glint", "Jazz")


def test_labels_that_are_all_subgenres_leave_the_other_genres_answerable(labelled):
    for genre, finer in (("Hum", "Bebop"), ("Murk", "Baroque"), ("Glint", "Techno")):
        labelled("modify", "-y", f"genres:{genre}", f"genres={finer}")
    output = labelled("cnntrain", "--name", "fine")
    manifest = load_bundle(models(labelled) / "fine").manifest
    assert manifest.genres[:3] == ("Baroque", "Bebop", "Techno")
    assert set(manifest.genres[3:]) == set(load_bundle(SHIPPED).manifest.genres)
    assert "no longer answers" not in output


def test_genres_without_labels_keep_their_tree_and_the_judging_commands_know_that_of_the_others(
    labelled,
):
    for genre, new in (("Hum", "Soul"), ("Murk", "Heavy Metal"), ("Glint", "Rock")):
        labelled("modify", "-y", f"genres:{genre}", f"genres={new}")
    labelled("cnntrain", "--name", "mine", "--target-precision", "0")
    manifest = load_bundle(models(labelled) / "mine").manifest
    assert manifest.genres[:3] == ("Heavy Metal", "Rock", "Soul")
    assert manifest.parents == {"Ambient": "Electronic"}
    for title, genre in (("Murk 0", "Rock"), ("Glint 0", "Heavy Metal"), ("Hum 0", "Rock")):
        labelled("modify", "-y", f"title:{title}", f"genres={genre}")
    found = labelled("cnnerrors", "--firmness", "0.5", "--model", "mine", "-f", "$title")
    assert found.splitlines() == ["Hum 0"]
    labelled.config["cnngenre"]["threshold"] = 0
    compared = labelled("cnncompare", "--all", "--model", "mine", "title::0$")
    lines = [line.split() for line in compared.splitlines() if " 0 " in line]
    verdicts = {line[0]: line[-1] for line in lines}
    assert verdicts == {"Murk": "agrees", "Glint": "agrees", "Hum": "differs"}


@pytest.mark.parametrize("name", ["shipped", "../x", "a/b", "", "con", "few"])
def test_a_name_that_cannot_be_had_is_refused_before_the_work(labelled, name):
    (models(labelled) / "few").mkdir(parents=True)
    labelled.config["plugins"] = ["cnngenre", "noextraction"]
    labelled("cnntrain", "--name", name, status=1)
    assert len(labelled.errors.strip().splitlines()) == 1
    assert bundles(labelled) == []


@pytest.mark.parametrize("content", ["", "{", "[1]", '["../x"]', "7"])
def test_a_list_of_models_in_use_that_is_none_is_one_sentence(trained, content):
    (models(trained).parent / "in-use.json").write_text(content)
    trained("genre", "title:Hum 8", status=1)
    assert "in-use.json" in trained.errors
    assert len(trained.errors.strip().splitlines()) == 1
    [good] = bundles(trained)
    trained("cnnmodels", "--use", good.name)
    assert in_use(trained) == [good.name]


def test_a_model_can_be_put_in_use_by_its_name_and_there_is_a_way_back(trained):
    [good] = bundles(trained)
    trained("cnntrain", "--name", "second")
    used = trained("cnnmodels", "--use", "second")
    assert next(line for line in used.splitlines() if line.startswith("*")).split()[1] == "second"
    trained("cnngenre", "-q", "--threshold", "0.5", "title:Hum 8")
    assert trained.fields("cnngenre_model", query=["title:Hum 8"])[0][1] != good.name
    trained("cnnmodels", "--back")
    assert in_use(trained)[-1] == good.name
    trained("cnnmodels", "--back")
    assert in_use(trained) == ["shipped"]
    trained("cnnmodels", "--back", status=1)
    assert "there is no earlier model to go back to" in trained.errors
    trained("cnnmodels", "--use", "nobody", status=1)
    assert "there is no model nobody; there are: " in trained.errors


def test_a_model_that_was_shared_without_its_report_can_be_used_and_a_damaged_one_not(trained):
    [good] = bundles(trained)
    friend, damaged = (good.with_name(name) for name in ("friend", "damaged"))
    shutil.copytree(good, friend)
    shutil.copytree(good, damaged)
    for name in ("report.html", "report.json", "out_of_fold.npz"):
        (friend / name).unlink()
    (damaged / "head.npz").write_bytes(b"damaged")
    trained("cnnmodels", "--use", "damaged", status=1)
    assert "head.npz is damaged or was changed" in trained.errors
    trained("cnnmodels", "--use", "friend")
    assert "Hum 8: no genre -> Hum" in trained("cnngenre", "-p", "--threshold", "0.5", "title:Hum")
    trained("cnnerrors")
    assert "this model lacks its out-of-fold answers" in trained.errors
    assert main(["inspect", str(friend)]) == 0
    shutil.rmtree(friend)
    assert f"* {good.name} " in trained("cnnmodels")
    trained("cnnmodels", "--back")
    assert in_use(trained) == ["shipped"]
