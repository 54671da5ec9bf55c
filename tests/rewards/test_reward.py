import json
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

import numpy as np
import pytest

from emocal_rl.errors import UserError
from emocal_rl.rewards import (
    DISTRIBUTION_RULES,
    FORMATS,
    RULES,
    DistributionRule,
    Reward,
    Rule,
    distribution_rule,
    rule,
)

PARTS = {name: f"about {name}" for name in ("element", "human", "context", "interaction", "analysis")}
TARGET = {"candidates": ["negative", "positive"], "votes": [3, 17], "label": "positive"}


def completion(answer="positive", confidence=0.73):
    return FORMATS["emocaliber"].write(PARTS, answer, confidence)


@pytest.fixture
def reward():
    return Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="votes")


def test_one_completion_is_scored_by_hand(reward):
    [row] = reward([completion()], [TARGET])
    # 17 of 20 annotators agree: y = 0.85; Brier = -(0.85 * 0.27^2 + 0.15 * 0.73^2) = -(0.061965 + 0.079935) = -0.1419
    assert row.correct == pytest.approx(0.85)
    assert row.terms == {"correct": pytest.approx(0.85), "brier": pytest.approx(-0.1419)}
    assert row.total == pytest.approx(0.7081)
    assert row.reply.fault is None


def test_the_record_is_plain_json_with_the_agreed_keys(reward):
    record = reward([completion()], [TARGET])[0].record()
    assert list(record) == ["text", "answer", "confidence", "fault", "correct", "terms", "total"]
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize("wrap", [
    lambda text: text,
    lambda text: [{"role": "assistant", "content": text}],
    lambda text: [{"role": "assistant", "content": [{"type": "text", "text": text}]}],
    lambda text: [{"role": "assistant", "content": "let me look"}, {"role": "tool", "content": "<answer>"},
                  {"role": "assistant", "content": text}],
    lambda text: {"role": "assistant", "content": text},
])  # fmt: skip
def test_text_and_chat_messages_are_the_same(reward, wrap):
    assert reward([wrap(completion())], [TARGET]) == reward([completion()], [TARGET])


NOTHING = [None, 3, [], [None], [{"role": "user", "content": "x"}], [{"role": "assistant", "content": None}]]


@pytest.mark.parametrize("nothing", NOTHING)
def test_what_is_not_text_is_a_fault_and_not_an_exception(reward, nothing):
    [row] = reward([nothing], [TARGET])
    assert (row.reply.fault, row.total, row.correct) == ("not_text", -1.0, 0.0)


def test_a_faulty_reply_gets_the_worst_readable_total_and_well_formed_pays_on_top():
    terms = {"correct": 1.0, "brier": 1.0, "well_formed": 0.5}
    reward = Reward(terms, format="emocaliber", grader="votes")
    faulty, surest_miss = reward(["nonsense", completion("negative", 0.99)], [TARGET, {**TARGET, "votes": [0, 1]}])
    # a wrong answer at the highest confidence the reader lets through, 1: 0 - 1 + 0.5
    assert reward.worst == -0.5
    assert faulty.total == reward.floor == -1.0
    assert faulty.terms == {"correct": 0.0, "brier": -1.0, "well_formed": 0.0}
    assert surest_miss.total == pytest.approx(0.5 - 0.99**2)
    assert surest_miss.terms["well_formed"] == 1.0


def test_a_faulty_reply_has_no_confidence_in_its_record(reward):
    [row] = reward([completion("elated", 0.9).replace("positive", "elated")], [TARGET])
    assert row.reply.fault == "answer_not_a_candidate"
    assert row.record()["confidence"] is None


def test_a_row_nobody_can_grade_stays_none(reward):
    [row] = reward([completion()], [{**TARGET, "votes": [0, 0]}])
    assert (row.correct, row.total, row.terms) == (None, None, {})
    assert reward(["nonsense"], [{**TARGET, "votes": [0, 0]}])[0].total == reward.floor


def test_weight_zero_is_measured_but_never_paid():
    reward = Reward({"correct": 1.0, "brier": 0.0}, format="emocaliber", grader="label")
    [row] = reward([completion(confidence=0.5)], [TARGET])
    assert (row.total, row.terms["brier"]) == (1.0, -0.25)


def test_a_term_can_have_a_name_of_its_own_and_parameters():
    reward = Reward({"sharp": {"use": "log", "weight": 2.0, "eps": 0.1}}, format="emocaliber", grader="label")
    [row] = reward([completion(confidence=0.99)], [TARGET])
    assert row.terms == {"sharp": pytest.approx(math.log(0.9))}
    assert row.total == pytest.approx(2 * math.log(0.9))
    assert reward.weights == {"sharp": 2.0}


def test_an_unbounded_rule_is_cut_at_the_worst_of_the_grid():
    reward = Reward({"log": {"eps": 0.0}}, format="emocaliber", grader="label")
    [row] = reward([completion("negative").replace("0.73", "0.99999999999")], [TARGET])
    assert row.total == reward.floor == pytest.approx(math.log(0.01))


def test_the_name_that_trainers_log():
    assert Reward({"correct": 1, "brier": 1}, "emocaliber", "label").__name__ == "correct+brier"
    assert Reward({"correct": 1}, "emocaliber", "label", name="mine").__name__ == "mine"


def test_a_pickled_copy_scores_the_same(reward):
    copy = pickle.loads(pickle.dumps(reward))
    assert copy([completion()], [TARGET]) == reward([completion()], [TARGET])


def test_threads_get_the_same_rows(reward):
    texts = [completion(confidence=i / 100) for i in range(1, 100)]
    alone = reward(texts, [TARGET] * 99)
    with ThreadPoolExecutor(8) as pool:
        assert all(rows == alone for rows in pool.map(lambda _: reward(texts, [TARGET] * 99), range(16)))


class Feeling(StrEnum):
    GOOD = "positive"
    BAD = "negative"


@pytest.mark.parametrize(("candidates", "answer"), [
    (["negative", "positive"], "positive"),
    ([np.str_("negative"), np.str_("positive")], "positive"),
    (np.array(["negative", "positive"]), "positive"),
    (list(Feeling), "positive"),
    ([1, 2], "2"),
])  # fmt: skip
def test_candidates_of_every_kind_are_read_as_plain_text(candidates, answer):
    reward = Reward({"correct": 1.0}, format="emocaliber", grader="label")
    read = reward.read(completion(answer.upper()), {"candidates": candidates}).answer
    assert (read, type(read)) == (answer, str)


def test_an_empty_batch_is_fine(reward):
    assert reward([], []) == []


@pytest.mark.parametrize(("terms", "text"), [
    ({"breir": 1}, "reward.breir: unknown rule 'breir'; did you mean 'brier'? Your own is written 'module:name'."),
    ({"brier": "1"}, "reward.brier: the weight must be a finite number, got '1'"),
    ({"brier": float("nan")}, "reward.brier: the weight must be a finite number, got nan"),
    ({"log": {"epz": 0.1}}, "reward.log: rule 'log' has no parameter 'epz'; did you mean 'eps'?"),
    ({"brier": {"eps": 0.1}}, "reward.brier: rule 'brier' has no parameter 'eps' (it takes none)"),
    ({"brier": {"target": 3}},
     "reward.brier: the target must be a name or {use: name, parameter: value}, got 3"),
    ({"clipped_stake": {"lowest": 0.9, "highest": 0.1}},
     "reward.clipped_stake: lowest and highest must be numbers with 0 <= lowest < highest <= 1, got 0.9 and 0.1"),
    ({}, "reward: give at least one term, such as {correct: 1.0, brier: 1.0}"),
    ({"x": {"use": "no_such_module:rule"}},
     "reward.x: no_such_module:rule: no module named 'no_such_module' (is it in this folder, or its folder on "
     "PYTHONPATH?)"),
    ({"x": {"use": "math:pi"}}, "reward.x: math:pi is not a rule: put @rule(...) above its definition"),
])  # fmt: skip
def test_mistakes_in_terms_are_named(terms, text):
    with pytest.raises(UserError) as error:
        Reward(terms, format="emocaliber", grader="label")
    assert str(error.value) == text


def test_all_mistakes_come_at_once():
    with pytest.raises(UserError) as error:
        Reward({"breir": 1, "lgo": 1}, format="emocaliber", grader="label")
    assert len(error.value.lines) == 2


def test_a_confidence_rule_needs_a_format_that_states_one():
    with pytest.raises(UserError, match="rule 'brier' needs a confidence, and format 'emocaliber_answer' states none"):
        Reward({"correct": 1, "brier": 1}, format="emocaliber_answer", grader="label")


@pytest.mark.parametrize(("completions", "targets", "text"), [
    ("one text", [TARGET], "reward: completions must be a list, got a single text: wrap it in [ ]"),
    (["a"], [], "reward: 1 completions but 0 targets"),
    (["a"], ["positive"], "reward: target 0 must be a mapping such as {'label': 'positive'}, got str"),
])  # fmt: skip
def test_mistakes_in_a_batch_are_named(reward, completions, targets, text):
    with pytest.raises(UserError) as error:
        reward(completions, targets)
    assert str(error.value) == text


def test_several_right_guesses_count_as_one_right_answer():
    reward = Reward({"correct": 1.0}, format="guesses", grader="judge")
    text = FORMATS["guesses"].write({"think": "x"}, "a", distribution={"a": 0.5, "b": 0.3, "c": 0.2})
    assert reward([text], [{"judge": 0.8}])[0].total == 1.0  # not 3 * 0.8
    assert reward([text], [{"judge": {"a": 0.1, "b": 0.2}}])[0].total == pytest.approx(0.3)


@pytest.mark.parametrize(("at", "weight"), [(-9.0, 1.0), (9.0, -1.0)])
def test_no_readable_reply_falls_below_the_worst_of_the_grid(at, weight):
    @rule(proper=False, low=-9.0, high=9.0)
    def odd():
        """A hole, or a peak, between two confidences of the grid."""
        return Rule(right=lambda c: np.where(c == 0.505, at, 0.0), wrong=lambda c: np.where(c == 0.505, at, 0.0))

    try:
        reward = Reward({"odd": weight}, format="emocaliber", grader="label")
        [row] = reward([completion().replace("0.73", "0.505")], [TARGET])
        assert row.total == reward.floor == 0.0
    finally:
        del RULES["odd"]


def test_a_negative_weight_on_a_distribution_rule_is_paid_and_floored():
    """-1 times half the squared distance, by hand: 0.1^2 for (0.9, 0.1), 0.9^2 for (0.1, 0.9); the worst is 0."""
    reward = Reward({"multiclass_brier": -1.0}, format="distribution", grader="label")
    text = "<think>x</think><distribution>a: {}, b: {}</distribution>"
    rows = reward([text.format(0.9, 0.1), text.format(0.1, 0.9), "no"], [{"candidates": ["a", "b"], "label": "a"}] * 3)
    assert [row.total for row in rows] == pytest.approx([0.01, 0.81, 0.0])
    assert [row.terms["multiclass_brier"] for row in rows] == pytest.approx([-0.01, -0.81, 0.0])


def test_a_negative_weight_needs_the_highest_score():
    @distribution_rule(low=0.0, high=float("inf"))
    def open_above():
        """A rule that does not say what it pays at most."""
        return DistributionRule(scores=lambda q: q)

    try:
        with pytest.raises(UserError, match="reward.open_above: open_above: declares high=inf: give the highest score"):
            Reward({"open_above": -1.0}, format="distribution", grader="label")
    finally:
        del DISTRIBUTION_RULES["open_above"]
