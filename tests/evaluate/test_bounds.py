"""Bounds from votes, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from emocal_rl.errors import UserError
from emocal_rl.evaluate import metrics as m
from emocal_rl.evaluate.bounds import agreement


def test_bayes_bound_by_hand() -> None:
    # Shares 3/4 and 1: accuracy 7/8; Brier (3/16 + 0) / 2.
    found = m.bayes([[3, 1], [0, 2]])
    assert found["accuracy"] == pytest.approx(7 / 8)
    assert found["brier"] == pytest.approx(3 / 32)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert found["log"] == pytest.approx((entropy - np.log(0.999)) / 2)  # certainty is clipped at 0.001


def test_no_answer_with_any_confidence_beats_the_bound() -> None:
    votes = [[7, 2, 1], [4, 4, 2], [1, 9, 0]]
    bound, rng = m.bayes(votes), np.random.default_rng(0)
    shares = np.array(votes) / 10
    for _ in range(200):
        answer = rng.integers(0, 3, 3)
        y, c = shares[np.arange(3), answer], rng.random(3)
        assert m.accuracy(c, y) <= bound["accuracy"] + 1e-12
        # Only the most-voted answers share the bound's uncertainty; stating anything but the share costs more.
        assert m.brier(c, shares.max(axis=1)) >= bound["brier"] - 1e-12


def test_one_annotator_agrees_with_another() -> None:
    # 3:1 -> (3*2 + 0) / 12 = 1/2; 2:0 -> 1. A single vote has nobody to agree with.
    assert m.annotator([[3, 1], [2, 0], [1, 0]]) == pytest.approx(0.75)
    with pytest.raises(UserError, match="no second annotator"):
        m.annotator([[1, 0]])


def test_crowd_without_the_judge_by_hand() -> None:
    # 3:1. Leave out a majority vote (three ways): others 2:1, confident 2/3 and right. Leave out the other: 3:0, wrong.
    sample, source = m.crowd_sample([[3, 1]])
    assert sorted(zip(sample.confidence, sample.correct, strict=True)) == [(2 / 3, 1.0)] * 3 + [(1.0, 0.0)]
    assert source.tolist() == [0] * 4
    # 2:1, leave out one of the two: others tie 1:1, a coin decides.
    tied, _ = m.crowd_sample([[2, 1]])
    assert sorted(zip(tied.confidence, tied.correct, strict=True)) == [(0.5, 0.5), (0.5, 0.5), (1.0, 0.0)]


def test_rows_of_different_label_sets_keep_their_order() -> None:
    votes = [[3, 1], [0, 2, 1], [1, 0], [2, 0]]
    together, source = m.crowd_sample(votes)
    alone = [m.crowd_sample([row])[0] for row in (votes[0], votes[1], votes[3])]
    assert source.tolist() == [0] * 4 + [1] * 3 + [3] * 2  # a single vote has nobody left to foresee it
    for name in ("confidence", "correct"):
        assert getattr(together, name).tolist() == [x for one in alone for x in getattr(one, name).tolist()]
    assert m.bayes_sample(votes).confidence.tolist() == pytest.approx([3 / 4, 2 / 3, 1, 1])


@pytest.mark.parametrize("votes", [[], [[0, 0]], [[1]], [[-1, 3]], [[float("nan"), 1]]])
def test_bad_votes_are_one_clear_line(votes: list[list[float]]) -> None:
    with pytest.raises(UserError, match=r"^votes: [^\n]*$"):
        m.bayes(votes)


def test_shares_say_nothing_about_a_second_annotator() -> None:
    """Twenty times .05 is 1.0000000000000002, of which one may not be taken away."""
    assert np.isnan(agreement([[0.05] * 20, [0.75, 0.75]])).all()
