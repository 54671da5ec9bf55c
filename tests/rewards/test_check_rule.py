import numpy as np
import pytest

from emocal_rl.rewards import RULES, Rule, check_rule


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
    (mine(lambda c: -((1 - c) ** 2), lambda c: -(c**2), low=-0.5), "outside the declared range from -0.5 to 0"),
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
