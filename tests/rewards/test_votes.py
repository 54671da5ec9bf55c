"""Soft correctness: whoever judges, what a rule pays is right on average."""

import numpy as np
import pytest

from emocal_rl.adapters.trl import TrlReward, all_but
from emocal_rl.errors import UserError
from emocal_rl.rewards import FORMATS, RULES, Reward

FORM = FORMATS["emocaliber"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "x")
CANDIDATES = ["negative", "positive"]
VOTES = [3, 7]
RATES = {"false_positive": 0.1, "false_negative": 0.3}
FINITE = [name for name, rule in RULES.items() if np.isfinite(rule().low) and np.isfinite(rule().high)]


def total(rule: str, grader, target: dict, confidence: float = 0.85) -> float:
    reward = Reward({"correct": 1.0, "rule": {"use": rule}}, format="emocaliber", grader=grader)
    return reward([FORM.write(PARTS, "positive", confidence)], [{"candidates": CANDIDATES} | target])[0].total


@pytest.mark.parametrize("rule", FINITE)
def test_one_annotator_is_paid_the_share_of_votes_on_average(rule):
    drawn = [total(rule, "label", {"label": name}) * n for name, n in zip(CANDIDATES, VOTES, strict=True)]
    assert sum(drawn) / sum(VOTES) == pytest.approx(total(rule, "votes", {"votes": VOTES}))


@pytest.mark.parametrize("rule", FINITE)
def test_all_annotators_but_one_are_paid_the_share_of_votes_on_average(rule):
    target = {"candidates": CANDIDATES, "votes": VOTES}
    left = [total(rule, "votes", all_but(name, target)) * n for name, n in zip(CANDIDATES, VOTES, strict=True)]
    assert sum(left) / sum(VOTES) == pytest.approx(total(rule, "votes", target))


@pytest.mark.parametrize("rule", FINITE)
@pytest.mark.parametrize("truth", [0.0, 1.0])
def test_a_judge_with_known_errors_is_paid_the_truth_on_average(rule, truth):
    """A right answer is called right with 1 - fn, a wrong one with fp; wrong at .99 also pays below the floor."""
    called = 1 - RATES["false_negative"] if truth else RATES["false_positive"]
    grader = {"use": "judge", **RATES}
    for confidence in (0.3, 0.99):
        paid = [total(rule, grader, {"judge": said}, confidence) for said in (0.0, 1.0)]
        mean = (1 - called) * paid[0] + called * paid[1]
        label = CANDIDATES[int(truth)]
        assert mean == pytest.approx(total(rule, "label", {"label": label}, confidence))


def test_the_word_of_a_judge_without_known_errors_is_taken():
    """A wrong answer believed right at .1 is paid .1, and not 0."""
    assert total("brier", "judge", {"judge": 0.1}) == pytest.approx(0.1 - 0.1 * 0.15**2 - 0.9 * 0.85**2)


@pytest.mark.parametrize(
    ("grader", "target", "message"),
    [
        ({"use": "judge", "false_positive": 0.6, "false_negative": 0.4}, {"judge": 1.0},
         "grader 'judge': false_positive=0.6 and false_negative=0.4 must lie in [0, 1) and sum to less than 1"),
        ("judge", {"judge": 1.2}, "grader 'judge': target['judge'] must lie in [0, 1], got 1.2"),
    ],
)  # fmt: skip
def test_what_no_judge_can_say(grader, target, message):
    with pytest.raises(UserError) as error:
        total("brier", grader, target)
    assert str(error.value).startswith(message)


def test_a_lone_annotator_stays():
    assert all_but("positive", {"candidates": CANDIDATES, "votes": [0, 1]})["votes"] == [0, 1]


@pytest.mark.parametrize("held_out", [False, True])
def test_draws_do_not_depend_on_how_completions_are_batched(held_out):
    """Eight rows of four replies: in one call, in two, or in the other order."""
    reward = Reward({"correct": 1.0, "brier": 1.0}, "emocaliber", "votes" if held_out else "label")
    rows = [f"row-{i // 4}" for i in range(32)]

    def paid(order) -> dict:
        scorer = TrlReward(reward, annotator_seed=3, held_out=held_out, generations=4)
        columns = {"id": [rows[i] for i in order], "candidates": [CANDIDATES] * len(order)}
        columns |= {"votes": [VOTES] * len(order), "label": ["positive"] * len(order)}
        return dict(
            zip(order, scorer(completions=[FORM.write(PARTS, "positive", 0.8)] * len(order), **columns), strict=True)
        )

    whole = paid(range(32))
    assert len(set(whole.values())) == 2
    assert paid(range(16)) | paid(range(16, 32)) == whole
    assert paid([*range(16, 32), *range(16)]) == whole
