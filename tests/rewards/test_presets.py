"""Every published reward: its numbers worked out by hand from its formula, and its verdict computed."""

import inspect
import itertools
import math
import pickle
import re

import numpy as np
import pytest

from emocal_rl.errors import UserError
from emocal_rl.rewards import FORMATS, PRESETS, preset
from emocal_rl.rewards.presets import PRESETS as ALL

LABELS = ["negative", "positive", "neutral"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis", "think"), "x")
LN = math.log


def total(name, confidence, right, groups=None, mates=()):
    """The total of one reply with this confidence; mates: outcomes of the other rollouts of its group."""
    made = preset(name).reward()
    form = made.format
    rest = (1 - confidence) / 2
    stated = {"positive": confidence, "neutral": rest, "negative": rest}
    text = form.write(PARTS, "positive", confidence, distribution=stated)
    label = {True: "positive", False: "negative"}
    targets = [{"candidates": LABELS, "label": label[bool(outcome)]} for outcome in (right, *mates)]
    return made([text] * len(targets), targets, groups=[0] * len(targets))[0].total


# (confidence, total when right, total when wrong, total of a faulty reply)
GOLDEN = {
    "rlcr": (0.7, 0.5 + 0.5 + 0.5 * 0.91, 0.5 + 0.5 * 0.51, 0.0),
    "emocaliber": (0.7, 2 + 2 * LN(0.7), 1 + 2 * LN(0.3), -5.0),  # 1.29 and -1.41
    "rewarding_doubt": (0.7, 10 * (1.25 - 2 * LN(0.7) / LN(0.001)), 10 * (1 - 2 * LN(0.3) / LN(0.001)), -30.0),
    "sayself": (0.7, 0.82, 0.02, -1.0),
    "ppo_c": (0.7, 1 + 0.5 * 0.5 * 0.2, -0.5 * 0.5 * 0.2, -0.125),
    "lovec": (0.7, (1 - 2 * LN(0.7) / LN(1e-6)) ** 1.5, (1 - 2 * LN(0.3) / LN(1e-6)) ** 1.5, -1.0),
    "vl_calibration": (0.7, 1 - 0.18 + 0.4, -0.98 + 0.4, -1.0),
    "dual_stake": (0.7, 1 + 0.1 + 0.175, 0.1 - 0.175, -0.225),
    "behavioural": (0.7, 1.4 - 0.49, -0.49, -1.0),
    "truthrl": (0.7, 1.0, -1.0, -1.0),
    "hesitation": (0.8, 1.0, -3.0, -3.0),
    "conftuner": (0.7, -0.09, -0.49, -1.0),
    "judging": (0.7, 0.91, 0.51, 0.0),
    "judging_log": (0.7, LN(0.7), LN(0.3), LN(0.001)),
    "bas": (0.7, 0.7, 0.7 + LN(0.3), 0.999 + LN(0.001)),
    "open_forecaster": (0.7, 1 - 0.09, -0.49, -1.0),
}
# the same with a group of four in which one of the other three is right: (confidence, right, wrong, faulty).
# Right: the group mean is 1/2 and t = 3/4; wrong: the mean is 1/4 and t = 1/8. A rule pays t right(c) + (1-t) wrong(c).
GROUPED = {
    "dcpo": (0.7, 1 - 0.5 * (0.75 * 0.09 + 0.25 * 0.49), -0.5 * (0.125 * 0.09 + 0.875 * 0.49), -1.0),
    "dcpo_paper": (0.7, 1 - (0.75 * 0.3 + 0.25 * 0.7), -(0.125 * 0.3 + 0.875 * 0.7), -1.0),
    "coca": (0.7, 1 - (0.5 * 0.09 + 0.5 * 0.49), -(0.25 * 0.09 + 0.75 * 0.49), -1.0),
    "credo": (0.7, 1.1 + 1 - (0.75 * 0.09 + 0.25 * 0.49), 0.1 + 1 - (0.125 * 0.09 + 0.875 * 0.49), 0.0),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_totals(name):
    confidence, right, wrong, faulty = GOLDEN[name]
    assert total(name, confidence, True) == pytest.approx(right)
    assert total(name, confidence, False) == pytest.approx(wrong)
    assert preset(name).reward()(["junk"], [{"label": "a"}], groups=[0])[0].total == pytest.approx(faulty)


@pytest.mark.parametrize("name", GROUPED)
def test_totals_with_a_group_target(name):
    confidence, right, wrong, faulty = GROUPED[name]
    assert total(name, confidence, True, mates=(True, False, False)) == pytest.approx(right)
    assert total(name, confidence, False, mates=(True, False, False)) == pytest.approx(wrong)
    assert preset(name).reward().floor == pytest.approx(faulty)


def test_the_linear_target_form_differs_from_the_squared_one_by_what_no_confidence_changes():
    # -(c - t)^2 at t = 3/4: the published dcpo pays 1 - 0.5 * 0.0025 at c = 0.7 and 1 - 0.5 * 0.0625 at c = 1
    gap = [total("dcpo", c, True, mates=(True, False, False)) - (1 - 0.5 * (c - 0.75) ** 2) for c in (0.7, 1.0)]
    assert gap == pytest.approx([-0.5 * 0.75 * 0.25] * 2)


def dcpo_paper_pays(belief, size, linear):
    """What each confidence is paid on average over a group's outcomes, with |c - t| or its linear form; (grid, pay)."""
    grid, pay = np.linspace(0, 1, 161), np.zeros(161)
    for own, others in itertools.product((0, 1), range(size)):
        mates = math.comb(size - 1, others) * belief**others * (1 - belief) ** (size - 1 - others)
        t = 0.5 * own + 0.5 * (own + others) / size
        error = t * (1 - grid) + (1 - t) * grid if linear else abs(grid - t)
        pay -= (belief if own else 1 - belief) * mates * error
    return grid, pay


def test_what_the_paper_of_dcpo_elicits_and_what_its_linear_form_does():
    best = {linear: grid[pay.argmax()] for linear in (False, True) for grid, pay in [dcpo_paper_pays(0.7, 8, linear)]}
    assert best == {False: pytest.approx(0.8125), True: 1.0}
    left_out = preset("dcpo_paper").left_out
    assert "70% belief most for about 81% in groups of eight, not for 100%" in left_out
    assert "70% sure is paid most for saying 100%" in preset("dcpo_paper").judge().problems[0]


def test_multi_rlcr_counts_any_right_guess():
    # guesses 0.7 (right), 0.15, 0.15: mean squared error (0.09 + 2 * 0.0225) / 3 = 0.045
    assert total("multi_rlcr", 0.7, True) == pytest.approx(0.5 + 0.5 + 0.5 * (1 - 0.045))
    # the third guess is the right one: still one right answer; errors 0.49, 0.0225, 0.7225
    assert total("multi_rlcr", 0.7, False) == pytest.approx(0.5 + 0.5 + 0.5 * (1 - 1.235 / 3))


def test_every_preset_has_its_numbers():
    assert {*GOLDEN, *GROUPED, "multi_rlcr"} == set(PRESETS)


# name: (proper, hack threshold, words that its problems hold)
VERDICTS = {
    "rlcr": (True, 0.0, []),
    "emocaliber": (True, 0.849, ["Giving up pays", "floor is inverted"]),
    "rewarding_doubt": (True, 0.0, []),
    "sayself": (True, 0.0, []),
    "ppo_c": (False, 0.0, ["improper"]),
    "lovec": (True, 1.0, ["Giving up pays", "scale_rewards=group"]),
    "vl_calibration": (True, 0.5, ["Giving up pays", "scale_rewards=group", "floor is inverted"]),
    "dcpo": (True, 0.0, ["scale_rewards=group"]),
    "dcpo_paper": (False, 0.0, ["improper"]),
    "coca": (True, 0.0, ["scale_rewards=group"]),
    "credo": (True, 0.0, []),
    "dual_stake": (False, 0.0, ["improper"]),
    "behavioural": (True, 0.0, []),
    "truthrl": (True, 0.0, ["apart pay exactly the same"]),
    "hesitation": (True, 0.0, ["apart pay exactly the same"]),
    "conftuner": (True, 0.0, []),
    "judging": (True, 1.0, ["Giving up pays"]),
    "judging_log": (True, 1.0, ["Giving up pays"]),
    "bas": (True, 0.0, []),
    "open_forecaster": (True, 0.0, []),
    "multi_rlcr": (True, 0.0, []),
}


@pytest.mark.parametrize("name", PRESETS)
def test_verdicts(name):
    proper, hack, words = VERDICTS[name]
    verdict = preset(name).judge()
    assert verdict.proper == proper
    assert verdict.hack_threshold == pytest.approx(hack, abs=0.006)
    assert len(verdict.problems) == len(words)
    assert all(word in problem for word, problem in zip(words, verdict.problems, strict=True))


def test_a_rule_whose_impropriety_hides_between_the_digits_is_noted():
    assert any("is improper, only too little to show" in note for note in preset("lovec").judge().notes)


def test_rlcr_is_exactly_tight():
    from emocal_rl.rewards import Reward, judge

    tight = judge(preset("rlcr").reward())
    assert tight.safe_factor == pytest.approx(1.0)
    terms = {"correct": 0.5, "brier_unit": 0.51, "well_formed": 0.5}
    assert judge(Reward(terms, "rlcr", "label")).hack_threshold > 0


def test_emocaliber_is_reproduced_at_its_published_values():
    table = {0.01: (-7.21, 0.98), 0.10: (-2.61, 0.79), 0.50: (0.61, -0.39), 0.85: (1.67, -2.79), 0.99: (1.98, -8.21)}
    for confidence, (right, wrong) in table.items():
        assert total("emocaliber", confidence, True) == pytest.approx(right, abs=0.005)
        assert total("emocaliber", confidence, False) == pytest.approx(wrong, abs=0.005)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_documented_and_travel(name):
    text = inspect.getdoc(ALL[name])
    assert re.search(r"\((19|20)\d\d\)", text)
    made = preset(name)
    assert made.format in FORMATS
    assert pickle.loads(pickle.dumps(made.reward())).weights == made.reward().weights
    assert made.reward().__name__ == name


def test_another_format_can_take_the_published_ones_place():
    assert preset("rlcr").reward(format="emocaliber").format.name == "emocaliber"


def test_unknown_presets_get_a_suggestion():
    with pytest.raises(UserError, match="unknown preset 'rclr'; did you mean 'rlcr'?"):
        preset("rclr")


def test_an_abstention_earns_nothing_whatever_the_answer():
    assert [total("hesitation", 0.7, right) for right in (True, False)] == [0.0, 0.0]
