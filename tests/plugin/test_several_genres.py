"""More than one genre: parents, subgenres that stay, lists, spelling."""

import shutil

import pytest
from bundle_files import edit_manifest
from plugin_files import file_genres


def test_a_finer_genre_stays_and_parents_come_where_they_are_wanted(library):
    beet = library(Electronic=["Trip Hop", "Polka"], Ambient=None, Jazz=["Hard Bop"])
    before = beet.genres()
    output = beet("cnngenre", "-f", "--pretend")
    assert "Electronic: Trip Hop; Polka -> Trip Hop (" in output
    assert "Jazz" not in output  # it has a subgenre already
    beet("cnngenre", "-f", "--parents", "after")
    assert beet.genres() == {
        "Electronic": "Trip Hop; Downtempo; Electronic",
        "Ambient": "Ambient; Electronic",
        "Jazz": "Hard Bop; Jazz",
    }
    beet("cnnundo", "-q")
    assert beet.genres() == before
    beet("cnngenre", "--parents", "above", status=1)
    assert beet.errors == "error: cnngenre: parents must be before, after or no, not above\n"


@pytest.mark.parametrize("spelled", [False, True])
def test_genres_that_are_kept_are_the_users_and_no_earlier_answer(library, spelled):
    beet = library(Jazz_1=["post-rock"], Jazz_2=["Post Rock"], Jazz_3=["Post Rock"])
    beet("cnngenre", "-fk", "title:Jazz_1")
    if spelled:
        beet("cnnspelling")
    kept = "Post Rock" if spelled else "post-rock"
    assert beet.genres()["Jazz_1"] == f"{kept}; Jazz"
    other = ("--genres", "Electronic", "--threshold", "0")
    beet("cnngenre", "-fk", *other, "title:Jazz_1")
    assert beet.genres()["Jazz_1"] == f"{kept}; Electronic"
    beet("cnnundo")
    assert beet.genres()["Jazz_1"] == "post-rock"


def test_a_second_run_changes_nothing(library):
    beet = library(Electronic=["Trip Hop", "Polka"], Rock=["Polka"])
    for options in (("-f",), ("-f", "--parents", "after"), ("-f", "-k")):
        beet("cnngenre", *options)
        found = beet.genres()
        beet("cnngenre", *options)
        assert beet.genres() == found
        assert "Trip Hop" in found["Electronic"]


def test_an_answer_is_not_added_to_another_spelling_of_it(library):
    beet = library(Jazz_1=["jazz"], Jazz_2=["J.A.Z.Z"], Rock=["Rock'n'Roll"])
    assert "tagged 1, kept 2" in beet("cnngenre", "-f", "-k")
    assert beet.genres() == {"Jazz_1": "jazz", "Jazz_2": "J.A.Z.Z", "Rock": "Rock'n'Roll; Rock"}


def test_a_genre_that_was_kept_beside_an_answer_still_teaches(library):
    beet = library(**{f"{genre}_{n}": ["Polka"] for genre in ("Jazz", "Rock") for n in (1, 2)})
    beet("modify", "-y", "title::^Rock", "genres=Ska")
    beet("cnngenre", "-f", "-k", "title::^Rock")
    assert beet.genres()["Rock_1"] == "Ska; Rock"
    output = beet("cnntrain", "--pretend")
    assert [line.split()[:2] for line in output.splitlines()[1:3]] == [["Polka", "2"], ["Ska", "2"]]
    beet("cnngenre", "-f", "title::^Jazz")
    assert "Polka" not in beet("cnntrain", "--pretend")


def test_signs_between_genres_are_no_spelling(library):
    beet = library(
        Rock_1=["Pop Rock"], Rock_2=["Pop Rock"], Rock_3=["Pop/Rock"], Jazz=["Pop, Rock"]
    )
    assert "respelled 0, kept 4" in beet("cnnspelling")


def test_the_users_own_tree_and_lists(library, tmp_path):
    beet = library(Jazz=["Cha Cha"], Ambient=None, Rock=None)
    tree, names = tmp_path / "tree.yaml", tmp_path / "names.txt"
    tree.write_text("- dance hall:\n  - jazz:\n    - cha cha\n")
    names.write_text("# mine\nDance Hall\n")
    beet.config["lastgenre"] = {"canonical": str(tree), "whitelist": str(names)}
    beet("cnngenre", "-f", "--parents", "before", "--ignore", "ambient,Polka", "^Rock")
    assert beet.genres() == {
        "Jazz": "Dance Hall; Jazz; Cha Cha",
        "Ambient": "Electronic",
        "Rock": "",
    }
    assert "tagged 0, kept 2, unsure 1" in beet("cnngenre", "--genres", "jazz,  ELECTRONIC")
    beet("cnngenre", "--genres", "Zouk", status=1)
    assert "the model has no Zouk (it has: Rock, Jazz, Electronic, Ambient)" in beet.errors
    tree.write_text("- [")
    beet("cnngenre", "-f", "--parents", "after", status=1)
    assert beet.errors == f"error: cnngenre: the genre tree {tree} is not valid YAML\n"
    tree.write_text("[" * 100_000)
    beet("cnngenre", "-f", "--parents", "after", status=1)
    assert beet.errors == f"error: cnngenre: the genre tree {tree} is not valid YAML\n"


def test_a_review_reads_the_genre_tree_before_its_first_question(library, tmp_path):
    """Otherwise it would end after it has written a file, when the album gets its genre."""
    beet = library(Unsure=None)
    tree = tmp_path / "tree.yaml"
    tree.write_text("- [")
    beet.config["lastgenre"] = {"canonical": str(tree)}
    beet.config["cnngenre"]["parents"] = "after"
    beet("cnnreview", "--pretend", status=1)
    assert beet.errors == f"error: cnnreview: the genre tree {tree} is not valid YAML\n"
    beet.config["cnngenre"]["album_genre"] = False  # nothing needs the tree
    assert "Unsure" in beet("cnnreview", "--pretend")


def test_genres_come_to_one_spelling_in_files_too_and_back(library):
    beet = library(Rock_1=["country"], Rock_2=["Country"], Rock_3=["Country", "country"])
    before, path = beet.genres(), beet.paths()["Rock_3"]
    assert "Rock_1: country -> Country (spelling)" in beet("cnnspelling", "--pretend")
    assert beet.genres() == before
    assert "respelled 2, kept 1, failed 0" in beet("cnnspelling")
    found = beet.fields("genres", "cnngenre_respelled", "cnngenre_written")
    assert found[0] == ("Rock_1", "Country", "Country", "$cnngenre_written")  # not ours
    assert found[2][1] == "Country"
    assert file_genres(path) == ["Country"]
    beet("cnnundo", "-q")
    assert beet.genres() == before
    assert file_genres(path) == ["Country", "country"]


def test_answers_are_spelled_as_the_library_spells_them(library):
    beet = library(Jazz_1=["jazz"], Jazz_2=None, Ambient=["Hip-Hop"], Rock=["DOWNTEMPO"])
    beet("cnngenre")
    assert beet.genres()["Jazz_2"] == "jazz"
    beet("cnngenre", "-f", "Jazz_1")
    assert beet.genres()["Jazz_1"] == "jazz"  # the same genre again: nothing to respell
    beet.config["cnngenre"]["genres"] = {"Jazz": "Jazz"}  # configured names take precedence
    beet("cnngenre", "-f", "Jazz_1")
    assert beet.genres()["Jazz_1"] == "Jazz"


def test_a_field_other_than_the_genres_has_one_value(library, pitch_bundle, tmp_path):
    beet = library(Rock=None)
    mood = shutil.copytree(pitch_bundle, tmp_path / "mood")
    edit_manifest(mood, lambda manifest: manifest.update(target="mood"))
    beet.config["cnngenre"] |= {"model": str(mood), "count": 2, "second_threshold": 0}
    assert "Rock: no genre -> Rock (" in beet("genre")
    assert "tagged 0, kept 1" in beet("genre")
