"""The published verdicts, reproduced by computation."""

import math

import numpy as np
import pytest

from emocal_rl.errors import UserError
from emocal_rl.rewards import RULES, Reward, judge
from emocal_rl.rewards.group_targets import group_mean, leave_one_out, mixed, outcome
from emocal_rl.rewards.incentive import BELIEFS, Group, describe, safe_weight, scaled
from emocal_rl.rewards.incentive.advantage import expectation, outcomes

GRID = np.arange(1, 100) / 100


def reward(terms, format="emocaliber", **options):
    return Reward(terms, format=format, grader="label", **options)


HONEST = {"correct": 1.0, "brier": 1.0}


@pytest.mark.parametrize("scale", ["none", "batch", False])
def test_correctness_plus_brier_is_sound(scale):
    verdict = judge(reward(HONEST), scale)
    assert (verdict.sound, verdict.proper, verdict.strict) == (True, True, True)
    assert verdict.elicited == {p: p for p in BELIEFS}
    assert (verdict.hack_threshold, verdict.slope_threshold) == (0.0, 0.0)
    assert verdict.range == (pytest.approx(-0.9801), pytest.approx(1 - 0.0001))
    assert verdict.floor == -1.0
    assert str(verdict) == "sound: honesty pays most, and so does a better answer."


def problem(verdict):
    assert not verdict.sound
    assert len(verdict.problems) == 1, verdict.problems
    return verdict.problems[0]


def test_group_scaling_is_refused_in_one_clear_sentence():
    assert problem(judge(reward(HONEST), "group")) == (
        "scale_rewards=group with 8 generations undoes honesty: a model that is 90% sure is paid most for saying 99%. "
        "Set scale_rewards to none."
    )
    assert judge(reward(HONEST), True).problems == judge(reward(HONEST), "group").problems


def test_an_improper_rule_is_refused():
    assert problem(judge(reward({"correct": 1, "absolute": 1}))) == (
        "The reward is improper: a model that is 70% sure is paid most for saying 99%. Use a proper rule such as brier."
    )
    assert not judge(reward({"correct": 1, "stake": 0.25})).proper


def test_a_hackable_weight_is_refused_and_the_safe_one_is_accepted():
    verdict = judge(reward({"correct": 1, "log": {"weight": 2, "eps": 0.01}}))
    assert verdict.hack_threshold == pytest.approx(0.849, abs=0.005)
    assert verdict.slope_threshold == pytest.approx(1 / (1 + math.exp(0.5)), abs=0.006)
    assert "on a question where the model is right less often than 84%" in problem(verdict)
    # .10880 and 9.1912, rounded to the side that is safe
    assert "by 0.108 or less, or the weight of correct by 9.2 or more" in problem(verdict)
    assert judge(reward({"correct": 1, "log": {"weight": 2 * 0.1088, "eps": 0.01}})).sound
    assert judge(reward({"correct": 9.191, "log": {"weight": 2, "eps": 0.01}})).sound
    assert not judge(reward({"correct": 9.18, "log": {"weight": 2, "eps": 0.01}})).sound


@pytest.mark.parametrize("weight", [0.752, 0.7517, 0.9, 1.7])
def test_following_the_advice_is_accepted(weight):
    """Weights are safe up to .75156 here: .752 by 1, as three digits round to, is refused again."""
    said = problem(judge(reward({"correct": 1, "log_affine": weight})))
    factor, inverse = (float(said.partition(words)[2].split()[0]) for words in ("terms by ", "weight of correct by "))
    assert judge(reward({"correct": 1, "log_affine": weight * factor})).sound
    assert judge(reward({"correct": inverse, "log_affine": weight})).sound
    assert weight * factor > 0.75156 * 0.99
    assert f"safe up to {factor:g} times" in "\n".join(describe(judge(reward({"correct": 1, "log_affine": weight}))))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"brier": 1}, "10% -> 10%, 30% -> 30%, 50% -> 50%, 70% -> 70%, 90% -> 90%"),
        ({}, "10% -> any, 30% -> any, 50% -> any, 70% -> any, 90% -> any"),
        # at 50% a right answer's .5 and a wrong one's -.5 cancel, as if nothing was staked
        ({"threshold": 1}, "10% -> any below 50%, 30% -> any below 50%, 50% -> any, 70% -> any from 50%, "
                           "90% -> any from 50%"),
        ({"a": {"use": "threshold", "at": 0.2}, "b": {"use": "threshold", "at": 0.6}},
         "10% -> any below 20%, 30% -> any from 20% to below 60%, 50% -> any from 20% to below 60%, "
         "70% -> any from 60%, 90% -> any from 60%"),
    ],
)  # fmt: skip
def test_every_best_paid_confidence_is_said(rule, said):
    verdict = judge(reward({"correct": 1, **rule}))
    assert f"a model that is this sure is paid most for saying: {said}" in describe(verdict)
    assert verdict.elicited == {p: p for p in BELIEFS}  # the most honest of them


def test_a_rank_has_no_ties_to_speak_of():
    assert judge(reward({"correct": 1}), "rank").tied == {}


def test_a_rule_without_correctness_is_refused():
    assert problem(judge(reward({"brier": 1}))) == (
        "Giving up pays: a wrong answer on purpose with confidence 0.01 earns as much as a sure right one, because "
        "nothing pays for being right. Add the term correct."
    )


def test_an_inverted_floor_is_refused():
    assert problem(judge(reward(HONEST, floor=-0.5))) == (
        "The floor is inverted: an unreadable reply gets -0.5, more than the worst readable one (-0.98), so a model "
        "that fears being wrong is better off breaking the format. Leave floor unset, or lower it to -0.98."
    )
    assert judge(reward(HONEST, floor=-0.9801)).sound


def test_correctness_alone_teaches_no_confidence():
    assert problem(judge(reward({"correct": 1}))).startswith("Every confidence pays the same")
    assert problem(judge(reward({"correct": 1, "brier": 0}))).startswith("Every confidence pays the same")


def test_a_threshold_rule_teaches_little():
    assert problem(judge(reward({"correct": 1, "threshold": 1}))).startswith("Confidences 0.49 apart pay exactly")


def test_without_a_confidence_only_the_answer_counts():
    assert judge(reward({"correct": 1}, "emocaliber_answer")).sound
    assert problem(judge(reward({"correct": -1}, "emocaliber_answer"))).startswith("A wrong answer pays more")


def test_the_proper_correctness_weighted_form_needs_no_other_term():
    assert judge(reward({"weighted": 1})).sound
    assert judge(reward({"weighted": {"weight": 1, "power": 3}})).sound


@pytest.mark.parametrize(("terms", "hack", "slope"), [
    # hack and slope thresholds of Tan et al. (2026) and of the field survey, for a confidence grid of 0, 0.01, ..., 1
    ({"correct_brier": {"k": 1.0}}, 0.0, 0.0),
    ({"correct_brier": {"k": 2.0}}, 0.5, 0.25),
    ({"correct_brier": {"k": 3.0}}, 0.667, 0.333),
    ({"correct_log": {"k": 0.5, "eps": 1e-9}}, 0.309, math.exp(-2) / (1 + math.exp(-2))),
    ({"correct_log": {"k": 1.0, "eps": 1e-9}}, 0.648, math.exp(-1) / (1 + math.exp(-1))),
    ({"correct_log": {"k": 2.0, "eps": 1e-9}}, 0.849, math.exp(-0.5) / (1 + math.exp(-0.5))),
    ({"correct_log": {"k": 3.0, "eps": 1e-9}}, 0.91, math.exp(-1 / 3) / (1 + math.exp(-1 / 3))),
    ({"correct_spherical": {"k": 2.0}}, 0.571, None),
    ({"overconfidence": 1.0}, 0.0, 0.0),
    ({"underconfidence": 1.0}, 0.0, 0.0),
    ({"brier_log": 1.0}, 0.0, 0.0),
])  # fmt: skip
def test_known_thresholds(terms, hack, slope):
    verdict = judge(reward(terms, "rlcr_short"))
    assert verdict.hack_threshold == pytest.approx(hack, abs=0.005)
    if slope is not None:
        assert verdict.slope_threshold == pytest.approx(slope, abs=0.006)


@pytest.mark.parametrize(("rule", "params", "weight"), [
    ("brier", {}, 1.0),
    ("brier_unit", {}, 1.0),
    ("brier_signed", {}, 0.5),
    ("log", {"eps": 0.01}, 0.218),
    ("log", {"eps": 0.005}, 0.189),
    ("log", {"eps": 0.001}, 0.145),
    ("log", {"eps": 0.0}, 0.0),
    ("spherical", {}, 1.0),
    ("pseudospherical", {"order": 3.0}, 1.0),
    ("power", {"order": 2.0}, 0.5),
    ("power", {"order": 4.0}, 0.25),
    ("beta", {"a": 2.0, "b": 1.0}, 3.0),
    ("cost_ratio", {"ratio": 9.0}, 10.0),
    ("uniform_threshold", {}, math.inf),
    ("brier_log", {}, math.inf),
    ("weighted", {}, math.inf),
])  # fmt: skip
def test_largest_safe_weights(rule, params, weight):
    assert safe_weight(RULES[rule](**params)) == pytest.approx(weight, abs=6e-4)


@pytest.mark.parametrize("name", [name for name in RULES if RULES[name]().proper])
def test_the_safe_weight_is_where_soundness_ends(name):
    rule = RULES[name]()
    safe = safe_weight(rule)
    form = "rlcr_short"
    if math.isfinite(safe):
        assert judge(reward({"correct": 1, name: 0.999 * safe}, form)).hack_threshold == 0.0
        assert judge(reward({"correct": 1, name: 1.2 * safe}, form)).hack_threshold > 0.0
    else:
        assert judge(reward({"correct": 1, name: 100.0}, form)).hack_threshold == 0.0


# Confidence with the highest expected advantage for correctness + Brier, computed independently on a grid of 0.001
TABLE = {  # belief: (G=4, G=8, G=16, G=32, per reward at G=8)
    0.10: (0.044, 0.049, 0.056, 0.067, 0.013),
    0.30: (0.257, 0.246, 0.263, 0.281, 0.154),
    0.50: (0.50, 0.50, 0.50, 0.50, 0.50),
    0.70: (0.771, 0.784, 0.751, 0.722, 0.846),
    0.90: (0.994, 0.992, 0.984, 0.964, 0.987),
    0.95: (1.00, 1.00, 1.00, 0.999, 1.00),
}


def pays(name):
    rule = RULES[name]()
    return lambda c, y, k: rule(c, y) + 0.0 * k


@pytest.mark.parametrize("column", range(4))
def test_what_dividing_by_the_group_deviation_elicits(column):
    fine = np.linspace(0, 1, 1001)
    said = scaled([pays("correct"), pays("brier")], fine, list(TABLE), "group", Group((4, 8, 16, 32)[column]))
    assert said == pytest.approx([row[column] for row in TABLE.values()], abs=0.0021)


def test_what_normalising_each_reward_elicits():
    fine = np.linspace(0, 1, 1001)
    said = scaled([pays("correct"), pays("brier")], fine, list(TABLE), "per_reward", Group(8))
    assert said == pytest.approx([row[4] for row in TABLE.values()], abs=0.0021)


def test_the_spherical_rule_is_pulled_the_same_way():
    fine = np.linspace(0, 1, 1001)
    assert scaled([pays("correct"), pays("spherical")], fine, [0.9], "group")[0] == pytest.approx(0.996, abs=0.002)


@pytest.mark.parametrize("scale", ["none", "batch"])
@pytest.mark.parametrize("name", ["brier", "log", "spherical", "brier_log", "overconfidence"])
def test_what_keeps_rules_proper(scale, name):
    said = scaled([pays("correct"), pays(name)], GRID, BELIEFS, scale)
    assert said == pytest.approx(BELIEFS, abs=0.0101)


def test_ranks_drift_to_the_ends():
    assert scaled([pays("correct"), pays("brier")], GRID, [0.3, 0.7], "rank").tolist() == [0.01, 0.99]
    assert not judge(reward(HONEST), "rank").sound


def test_a_shared_outcome_is_the_worst_case():
    said = scaled([pays("brier")], GRID, [0.3, 0.7], "group", Group(8, shared=True))
    assert said.tolist() == [0.01, 0.99]
    assert scaled([pays("brier")], GRID, [0.3, 0.7], "none", Group(8, shared=True)) == pytest.approx([0.3, 0.7])


@pytest.mark.parametrize("target", [outcome(), group_mean(), leave_one_out(), mixed(own=0.3)])
def test_the_enumeration_agrees_with_a_simulation(target):
    """Two hundred thousand groups drawn at random, advantages computed as a trainer does."""
    p, size, c = 0.7, 4, np.array([0.5, 0.7, 0.8, 0.9])
    rule, draw = RULES["correct_brier"](), np.random.default_rng(0)
    hits = (draw.random((200_000, size)) < p).astype(float)
    against = target.of(hits, hits.sum(axis=1, keepdims=True) - hits, size)
    total = np.zeros(len(c))
    for i, said in enumerate(c):
        stated = np.full((1, size), p)
        stated[0, 0] = said
        paid = rule(np.broadcast_to(stated, hits.shape), against)
        total[i] = ((paid[:, 0] - paid.mean(axis=1)) / (paid.std(axis=1, ddof=1) + 1e-4)).mean()
    exact = expectation(lambda c, y, k: rule(c, target.of(y, k, size) + 0.0 * k), c, p, "group", Group(size))
    assert total == pytest.approx(exact, abs=0.006)  # three standard errors: an advantage has deviation below 1


def test_outcome_chances_sum_to_one():
    assert outcomes(7, 0.3).sum() == pytest.approx(1.0)
    assert outcomes(7, 0.3)[7] == pytest.approx(0.3**7)


@pytest.mark.parametrize(("rule", "expected"), [
    # V'(p) at 0.05, 0.10, 0.50 from the field survey
    ({"correct_brier": 1.0}, (0.10, 0.20, 1.00)),
    ({"correct": 1.0, "brier": 0.5}, (0.55, 0.60, 1.00)),
    ({"correct_log": {"k": 0.188, "eps": 0.005}}, (0.45, 0.59, 1.00)),
    ({"correct_spherical": 1.0}, (0.05, 0.12, 1.00)),
    ({"overconfidence": 1.0}, (0.18, 0.33, 1.09)),
    ({"underconfidence": 1.0}, (0.07, 0.14, 0.85)),
    ({"brier_log": 1.0}, (0.05, 0.11, 0.69)),
])  # fmt: skip
def test_learning_speed(rule, expected):
    speed = judge(reward(rule, "rlcr_short")).speed
    assert [speed[p] for p in (0.05, 0.10, 0.50)] == pytest.approx(expected, abs=0.0101)


def test_slow_learning_is_worth_a_note():
    [note] = judge(reward(HONEST)).notes
    assert note.startswith("Accuracy is learned slowly on hard questions: where the model is right 10% of the time")
    assert judge(reward({"correct": 1, "brier": 0.5})).notes == []


def test_an_unbounded_rule_is_worth_a_note():
    verdict = judge(reward({"correct": 1, "log": {"weight": 0.1, "eps": 0.0}}))
    assert verdict.sound
    assert verdict.notes[0].startswith("The term log has no lower bound; totals are cut at -0.461")


# Group targets and credit


def test_a_group_target_keeps_the_rule_proper_and_says_what_it_mixes():
    verdict = judge(reward({"correct": 1, "brier": {"target": "mixed"}}))
    assert verdict.sound
    assert verdict.elicited == {p: p for p in BELIEFS}
    # L = 0.5 + 0.5 / 8
    assert any("the confidence 44% that of the prompt and 56% that of this reply" in note for note in verdict.notes)


def test_a_leave_one_out_target_cannot_make_a_wrong_answer_pay():
    heavy = {"correct": 0.01, "brier": {"weight": 10.0, "target": "leave_one_out"}}
    assert judge(reward(heavy)).hack_threshold == 0.0
    assert judge(reward({"correct": 0.01, "brier": 10.0})).hack_threshold > 0.9


def test_segment_credit_protects_the_answer():
    heavy = reward({"correct": 1, "log": {"weight": 2, "eps": 0.01}})
    assert judge(heavy, credit="segment").sound
    assert problem(judge(reward({"correct": -1, "brier": 1}), credit="segment")).startswith("A wrong answer pays")


# Distributions


@pytest.mark.parametrize("rule", ["multiclass_brier", "multiclass_log", "multiclass_spherical", "ranked_probability"])
def test_distribution_rules_are_sound_without_division(rule):
    stated = reward({"correct": 0.3, rule: 1.0}, "distribution")
    assert judge(stated).sound
    assert judge(stated, "batch").proper
    assert "undoes honesty" in judge(stated, "group").problems[0]


def test_a_stake_beside_a_distribution_distorts_it():
    verdict = judge(reward({"multiclass_brier": 1.0, "stake": 1.0}, "distribution"))
    assert verdict.problems[0].startswith("The reward is improper: stating the true probabilities")


# Mistakes


@pytest.mark.parametrize(("arguments", "text"), [
    ({"scale_rewards": "gruop"}, "scale_rewards: unknown 'gruop'; did you mean 'group'?"),
    ({"num_generations": 1}, "num_generations must be at least 2, got 1"),
    ({"credit": "token"}, "credit: must be 'sequence' or 'segment', got 'token'"),
])  # fmt: skip
def test_mistakes_are_named(arguments, text):
    with pytest.raises(UserError) as error:
        judge(reward(HONEST), **arguments)
    assert str(error.value) == text
