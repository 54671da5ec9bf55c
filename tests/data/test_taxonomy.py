"""Taxonomies: what every one must satisfy, and mappings checked by hand."""

import itertools

import pytest

from emocal_rl.data.taxonomy import TAXONOMIES, answers, project, taxonomy, translate, with_labels
from emocal_rl.errors import UserError

SIZES = {"mikels8": 8, "webemo25": 25, "webemo7": 7, "parrott6": 6, "ekman6": 6, "ekman7": 7, "polarity": 2}


def pairs():
    for a, b in itertools.permutations(TAXONOMIES, 2):
        try:
            yield a, b, translate(a, b)
        except UserError:
            continue


def test_the_registry():
    assert {name: len(one.labels) for name, one in TAXONOMIES.items()} == SIZES
    assert all(one.source for one in TAXONOMIES.values())


@pytest.mark.parametrize("name", TAXONOMIES)
def test_labels_are_found_in_any_case_and_no_other_name_is_ambiguous(name):
    one = TAXONOMIES[name]
    assert len(set(one.labels)) == len(one.labels)
    assert [one.find(label.upper()) for label in one.labels] == list(one.labels)
    others = {**one.spellings, **one.aliases}
    assert set(others.values()) <= set(one.labels)
    assert not others.keys() & set(one.labels)
    assert one.find("no such emotion") is None


@pytest.mark.parametrize("name", TAXONOMIES)
def test_parents_are_labels_there_and_doubts_are_about_labels_here(name):
    one = TAXONOMIES[name]
    for target, parents in one.parents.items():
        assert parents.keys() <= set(one.labels)
        assert set(parents.values()) <= set(TAXONOMIES[target].labels)
        assert one.uncertain.get(target, frozenset()) <= parents.keys()
    assert one.uncertain.keys() <= one.parents.keys()


def test_everything_maps_to_polarity_and_nothing_back():
    assert {a for a, b, _ in pairs() if b == "polarity"} == TAXONOMIES.keys() - {"polarity"}
    assert not [b for a, b, _ in pairs() if a == "polarity"]


@pytest.mark.parametrize(
    ("source", "target", "label", "expected"),
    [
        ("webemo25", "webemo7", "lust", "love"),
        ("webemo25", "webemo7", "sympathy", "sadness"),
        ("webemo25", "webemo7", "disgust", "anger"),
        ("webemo25", "ekman6", "disgust", "disgust"),
        ("webemo25", "parrott6", "confusion", None),
        ("webemo25", "polarity", "relief", "positive"),
        ("mikels8", "ekman6", "awe", "surprise"),
        ("mikels8", "parrott6", "disgust", "anger"),
        ("parrott6", "ekman6", "love", "joy"),
        ("ekman7", "polarity", "neutral", None),
    ],
)
def test_mappings(source, target, label, expected):
    assert translate(source, target).labels.get(label) == expected


def test_the_hierarchy_of_webemo():
    sizes = {7: "webemo7", 2: "polarity"}
    for size, target in sizes.items():
        way = translate("webemo25", target)
        assert len(way.labels) == 25
        assert len(set(way.labels.values())) == size
    via = translate("webemo7", "polarity").labels
    for label, parent in translate("webemo25", "webemo7").labels.items():
        assert translate("webemo25", "polarity").labels[label] == via[parent]
    assert translate("webemo25", "polarity").uncertain == {"confusion", "surprise"}


@pytest.mark.parametrize("way", list(pairs()), ids=lambda way: f"{way[0]}-{way[1]}")
def test_projecting_keeps_every_vote_that_has_a_place(way):
    source, target, found = way
    votes = tuple(range(1, len(TAXONOMIES[source].labels) + 1))
    placed = sum(n for n, label in zip(votes, TAXONOMIES[source].labels, strict=True) if label in found.labels)
    assert sum(project(votes, source, target)) == placed


def test_other_answers():
    assert answers("webemo25") == {
        "cheerfulness": "cheerfullness", "irritability": "irritabilty", "enthralment": "enthrallment",
    }  # fmt: skip
    found = answers("ekman6", ["webemo25", "mikels8"])
    assert (found["cheerfulness"], found["zest"], found["awe"]) == ("joy", "joy", "surprise")
    assert not found.keys() & set(taxonomy("ekman6").labels)


def test_names_and_directions_that_do_not_exist():
    with pytest.raises(UserError, match="^no taxonomy 'mikels'; did you mean 'mikels8'\\?$"):
        taxonomy("mikels")
    with pytest.raises(UserError, match="^no mapping from polarity to webemo7: its labels cannot be told apart there$"):
        translate("polarity", "webemo7")


def test_a_taxonomy_by_its_labels():
    assert with_labels(["Sad", "awe"]) is None
    assert (
        with_labels(["irritability" if x == "irritabilty" else x for x in TAXONOMIES["webemo25"].labels]).name
        == "webemo25"
    )
