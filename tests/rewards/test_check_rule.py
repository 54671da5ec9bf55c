import numpy as np
import pytest

from emocal_rl.errors import UserError
from emocal_rl.rewards import DISTRIBUTION_RULES, RULES, DistributionRule, Reward, Rule, check_rule


def mine(right, wrong, low=-1.0, high=0.0, proper=True, strict=True):
    return Rule(right=right, wrong=wrong, name="mine", low=low, high=high, proper=proper, strict=strict)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_of_the_catalogue_passes(name):
    assert check_rule(RULES[name]) == []


@pytest.mark.parametrize(("rule", "words"), [
    (mine(lambda c: -1 + c, lambda c: -c), "is declared proper and is not: a model that is 49% sure is paid most for"),
    (mine(lambda c: -((1 - c) ** 2), lambda c: -2 * c**2, low=-2), "is declared proper and is not"),
    (mine(lambda c: np.where(c > 0.5, 0.0, -0.5), lambda c: np.where(c > 0.5, -0.5, 0.0), low=-0.5),
     "is declared strict and is not: at a belief of"),
    (mine(lambda c: -((1 - c) ** 2), lambda c: -(c**2), low=-0.5),
     "mine: declares low=-0.5 and pays -1 for a right answer at c=0: correct low."),
    (mine(lambda c: c, lambda c: -c, high=0.5, proper=False),
     "mine: declares high=0.5 and pays 1 for a right answer at c=1: correct high."),
    (Rule(right=lambda c: 2.0 + 0 * c, wrong=lambda c: -c, name="mine", low=-1, high=2, uses_confidence=False),
     "mine: is declared with uses_confidence=False, and wrong(c) is -1 at c=1 and 0 at c=0: leave uses_confidence"),
    (mine(lambda c: np.log(c), lambda c: np.log(1 - c)), "right(c) is infinite at c=0: one such reply would drown"),
    (mine(lambda c: (1 - c) ** 2, lambda c: c**2, low=0, high=1), "a right answer must pay more the surer it was"),
    (mine(lambda c: c - 1, lambda c: c - 1, proper=False), "a wrong answer must pay less the surer it was"),
    (mine(lambda c: 1.0, lambda c: -(c**2)), "right(c) has shape () for confidences of shape (101,)"),
    (mine(lambda c: np.sqrt(c - 0.5), lambda c: -c), "right(c) is not a number at c=0: clip c first"),
    (mine(lambda c: c - 1, lambda c: -c if c > 0.5 else 0.0), "wrong(c) fails on an array of confidences: ValueError"),
])  # fmt: skip
def test_what_will_go_wrong_is_said_in_words(rule, words):
    assert any(words in problem for problem in check_rule(rule)), check_rule(rule)


def test_a_rule_that_cannot_travel_is_reported():
    rule = Rule(right=lambda c: c - 1, wrong=lambda c: 0 * c, name="lost", address="nowhere:lost", low=-1, high=0)
    assert any("cannot be sent to another process: nowhere:lost" in problem for problem in check_rule(rule))


def of_scores(scores, low=-1.0, high=0.0, proper=True, strict=True):
    return DistributionRule(scores=scores, name="mine", low=low, high=high, proper=proper, strict=strict)


def quadratic(q):
    return q - (1 + (q**2).sum(axis=-1, keepdims=True)) / 2


@pytest.mark.parametrize("name", DISTRIBUTION_RULES)
def test_every_distribution_rule_of_the_catalogue_passes(name):
    assert check_rule(DISTRIBUTION_RULES[name]) == []


@pytest.mark.parametrize(("rule", "words"), [
    (of_scores(lambda q: q, low=0, high=1),
     "mine: is declared proper and is not: where the labels turn out true with probabilities (0.45, 0.55), stating "
     "(0, 1) pays most."),
    (of_scores(lambda q: np.eye(q.shape[-1])[q.argmax(axis=-1)] - 1.0),
     "mine: is declared strict and is not: where the truth is"),
    (of_scores(quadratic, low=-0.5),
     "mine: declares low=-0.5 and pays -1 at q=(0, 1) where label 1 turns out true: correct low."),
    (of_scores(np.log), "mine: scores(q) is infinite at q=(0, 1): one such reply would drown a whole batch. Clip q to"),
    (of_scores(lambda q: -quadratic(q), low=0, high=1),
     "mine: scores(q) pays 0 for the first label at q=(1, 0) and 1 where it was ruled out: a label must pay more the "
     "likelier it was said to be. A loss has to be negated."),
    (of_scores(lambda q: q.sum(axis=-1)), "mine: scores(q) has shape (21,) for distributions of shape (21, 2): it has"),
    (of_scores(lambda q: np.sqrt(q - 0.5)), "mine: scores(q) is not a number at q=(0, 1): clip q first"),
    (of_scores(lambda q: q.spam), "mine: scores(q) fails on an array of distributions: AttributeError: 'numpy."),
    (of_scores(lambda q: quadratic(q) * np.ones(2)),
     "mine: scores(q) fails on an array of distributions: ValueError: operands could not be broadcast"),
])  # fmt: skip
def test_what_is_wrong_with_a_distribution_rule_is_said_in_words(rule, words):
    assert any(problem.startswith(words) for problem in check_rule(rule)), check_rule(rule)


@pytest.mark.parametrize(("rule", "line"), [
    (of_scores(np.log), "mine: scores(q) is infinite at q=(0, 1): clip q to at least eps first"),
    (of_scores(quadratic, low=-np.inf), "mine: declares low=-inf: give the lowest score, which is what a fault gets"),
    (of_scores(lambda q: q.spam), "mine: scores(q) fails on an array of distributions: AttributeError: 'numpy.ndarray' "
     "object has no attribute 'spam'"),
])  # fmt: skip
def test_a_distribution_rule_that_cannot_be_paid_is_refused(rule, line, monkeypatch):
    monkeypatch.setitem(DISTRIBUTION_RULES, "mine", lambda: rule)
    with pytest.raises(UserError) as caught:
        Reward({"mine": 1.0}, format="distribution", grader="votes")
    assert caught.value.lines == [f"reward.mine: {line}"]


def test_an_unbounded_score_of_a_label_that_is_not_true_costs_nothing():
    assert of_scores(np.log, low=-np.inf)([0.5, 0.5, 0.0], [1, 0, 0]) == pytest.approx(np.log(0.5))
