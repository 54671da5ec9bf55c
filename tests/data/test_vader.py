"""Words with ten ratings: golden counts, families kept together, and what a broken file says."""

from pathlib import Path

import pytest

from emocal_rl.data import vader
from emocal_rl.errors import UserError

LINES = [
    "foolish\t-1.1\t0.83\t[-1, -1, 0, -2, -1, -1, -2, -1, 0, -2]",
    "foolishly\t-1.8\t0.6\t[-2, -2, -2, -1, -2, -1, -1, -3, -2, -2]",
    ":-)\t1.3\t0.9\t[1, 1, 1, 1, 1, 1, 1, 2, 4, 0]",
    "meh\t-0.3\t0.8\t[0, 0, 0, 0, 0, 0, 0, -1, -1, -1]",
]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "vader_lexicon.txt").write_text("\n".join(LINES) + "\n")
    return str(tmp_path)


def by_id(splits):
    return {row.id: row for rows in splits.values() for row in rows}


@pytest.mark.parametrize(
    ("classes", "votes"),
    [
        (2, {"foolish": (8, 0), "foolishly": (10, 0), ":-)": (0, 9)}),  # seven neutral ratings leave too few of "meh"
        (3, {"foolish": (8, 2, 0), "foolishly": (10, 0, 0), ":-)": (0, 1, 9), "meh": (3, 7, 0)}),
        (5, {"foolish": (0, 8, 2, 0, 0), "foolishly": (1, 9, 0, 0, 0), ":-)": (0, 0, 1, 8, 1), "meh": (0, 3, 7, 0, 0)}),
        (9, {"foolish": (0, 0, 3, 5, 2, 0, 0, 0, 0), "foolishly": (0, 1, 6, 3, 0, 0, 0, 0, 0),
             ":-)": (0, 0, 0, 0, 1, 7, 1, 0, 1), "meh": (0, 0, 0, 3, 7, 0, 0, 0, 0)}),
    ],
)  # fmt: skip
def test_votes_by_hand(folder, classes, votes):
    found = by_id(vader.load(classes, folder))
    assert {name: row.votes for name, row in found.items()} == votes
    assert all(row.candidates == vader.LABELS[classes] for row in found.values())


def test_an_item_that_is_there_twice_is_one_row_with_all_its_ratings(folder):
    path = Path(folder) / "vader_lexicon.txt"
    path.write_text("\n".join([*LINES, "foolish\t0.2\t1.1\t[1, 2, 0, 0, 0, 0, 0, 0, 0, 0]"]))
    (row,) = [row for rows in vader.load(2, folder).values() for row in rows if row.id == "foolish"]
    assert row.votes == (8, 2)


def test_families_stay_together_and_emoticons_apart(folder):
    splits = vader.load(2, folder)
    assert [row.id for row in splits["emoticons"]] == [":-)"]
    (home,) = {name for name, rows in splits.items() for row in rows if row.id.startswith("fool")}
    assert home != "emoticons"
    assert sum(share for _, share in vader.SHARES) == 100


def test_rows_are_questions_in_text(folder):
    row = by_id(vader.load(2, folder))["foolish"]
    assert (row.source, row.question) == (None, 'How do most people rate the sentiment of "foolish"?')
    assert (row.label, row.cluster) == ("negative", "fooli")


def test_what_cannot_be_read(folder):
    path = Path(folder) / "vader_lexicon.txt"
    path.write_text(LINES[0] + "\nodd\t1\t2\n")
    with pytest.raises(UserError, match=f"{path}:2: expected item, mean, deviation and a list of ratings from -4 to 4"):
        vader.load(2, folder)
    with pytest.raises(UserError, match=r"data.classes: vader has 2, 3, 5, 9 labels \(got 4\)"):
        vader.load(4, folder)
    with pytest.raises(UserError, match="data vader: no vader_lexicon.txt in nowhere"):
        vader.load(2, "nowhere")


def test_the_folder_may_be_in_the_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", folder)
    assert vader.lexicon("~") == Path(folder) / vader.FILE
