"""Human disagreement and model error: the parts, and where the report says them."""

from pathlib import Path

import numpy as np
import pytest

from emocal_rl.evaluate.disagreement import apart, left_out, of_records
from emocal_rl.evaluate.records import Record, Records


def record(confidence: float | None, correct: float, votes: tuple[float, ...]) -> Record:
    return Record("1", "1", ("a", "b"), votes, "a", "a", confidence, correct, None if confidence else "no_answer")


def test_the_parts_are_the_score_against_every_annotator():
    """Votes 7 to 3 at .8: seven times .04 and three times .64, a tenth of it each."""
    found = apart([0.8], [0.7])
    assert found["brier"] == pytest.approx((7 * 0.04 + 3 * 0.64) / 10)
    assert found["brier"] == pytest.approx(found["model_error"] + found["human_disagreement"])


def test_a_model_that_knows_the_votes_has_no_error():
    share = np.random.default_rng(0).random(50)
    assert apart(share, share)["model_error"] == 0.0


def test_the_left_out_annotator_by_enumeration():
    votes = [[4, 2, 1], [1, 1, 0]]
    people = [[i for i, n in enumerate(row) for _ in range(n)] for row in votes]
    pairs = [[a == b for i, a in enumerate(row) for j, b in enumerate(row) if i != j] for row in people]
    assert left_out(votes)["accuracy"] == pytest.approx(np.mean([np.mean(each) for each in pairs]), abs=1e-6)
    assert left_out([[1, 0]]) == {}


def test_unreadable_replies_and_records_without_votes_are_left_out():
    rows = (record(0.8, 0.7, (7, 3)), record(None, 0.0, (5, 5)))
    assert of_records(Records(rows, {}, Path()))["model_error"] == pytest.approx(0.01)
    assert of_records(Records((record(0.8, 1.0, ()),), {}, Path())) == {}


def test_shares_that_sum_to_a_little_over_1_are_no_two_votes():
    """Twenty times .05 is 1.0000000000000002."""
    shares = (0.05,) * 20
    assert sum(shares) > 1
    found = Record("1", "1", tuple("abcdefghijklmnopqrst"), shares, "a", "a", 0.5, 0.05, None)
    assert of_records(Records((found,), {}, Path())) == {}
