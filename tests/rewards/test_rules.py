"""Properties over the whole registry, and golden values worked out by hand."""

import inspect
import math
import pickle
import re
import time

import numpy as np
import pytest

from emocal_rl.errors import UserError
from emocal_rl.rewards import RULES, Rule, rule
from emocal_rl.rewards.incentive import elicited
from emocal_rl.rewards.rules import density, find, from_density
from emocal_rl.rewards.rules.special import incomplete_beta

GRID = np.arange(101) / 100
FINE = np.linspace(0, 1, 2001)
OTHER_PARAMETERS = {
    "correct_brier": [{"k": 0.3}, {"k": 4.0}],
    "unequal_brier": [{"right_weight": 3.0, "wrong_weight": 1.0}],
    "distorted_brier": [{"power": 0.5}],
    "log": [{"eps": 0.05}, {"eps": 1e-6}],
    "log_unit": [{"eps": 0.1}],
    "log_affine": [{"eps": 0.01}],
    "correct_log": [{"k": 2.0, "eps": 0.02}],
    "brier_log": [{"eps": 0.01}],
    "overconfidence": [{"k": 0.5}, {"k": 50.0}],
    "underconfidence": [{"k": 0.5}, {"k": 50.0}],
    "correct_spherical": [{"k": 2.0}],
    "pseudospherical": [{"order": 1.5}, {"order": 6.0}],
    "power": [{"order": 1.1}, {"order": 3.0}],
    "weighted": [{"power": 0.5}, {"power": 3.0}],
    "beta": [{"a": 0.5, "b": 0.5}, {"a": 5.0, "b": 2.0}, {"a": 1.0, "b": 1.0}],
    "cost_ratio": [{"ratio": 0.25, "sharpness": 2.0}, {"ratio": 3.0, "sharpness": 10.0}],
    "density": [{"weights": [1.0]}, {"weights": [3.0, 0.0, 1.0]}],
    "threshold": [{"at": 0.75}],
    "abstention": [{"at": 0.8}],
    "winkler": [{"baseline": 0.2}, {"baseline": 0.9}],
    "clipped_stake": [{"lowest": 0.2, "highest": 0.7}],
    "centred_stake": [{"baseline": 0.3}],
    "distance_decay": [{"base": 0.1}],
    "stretched_log": [{"power": 2.0, "eps": 0.001}],
}
CASES = [(name, params) for name in RULES for params in [{}, *OTHER_PARAMETERS.get(name, [])]]
every_rule = pytest.mark.parametrize(("name", "params"), CASES, ids=lambda value: str(value))


def best_set(bound, p):
    """The confidences of the grid that pay most at belief p."""
    pay = p * bound(GRID, 1.0) + (1 - p) * bound(GRID, 0.0)
    return GRID[pay >= pay.max() - 1e-12 * max(1.0, abs(pay.max()))]


@every_rule
def test_a_rule_that_claims_properness_elicits_the_belief(name, params):
    bound = RULES[name](**params)
    if bound.proper:
        assert elicited(bound, GRID[1:-1]) == pytest.approx(GRID[1:-1])


@every_rule
def test_a_strict_rule_elicits_nothing_else(name, params):
    bound = RULES[name](**params)
    inner = [p for p in GRID if 0.12 <= p <= 0.88]  # inside every clip used here
    if bound.strict:
        assert all(len(best_set(bound, p)) == 1 for p in inner)
    elif bound.proper:
        assert any(len(best_set(bound, p)) > 1 for p in inner)


@every_rule
def test_an_improper_rule_elicits_what_it_says(name, params):
    bound = RULES[name](**params)
    if bound.proper or not bound.uses_confidence:
        return
    assert bound.elicits is not None
    for p in (0.05, 0.2, 0.4, 0.45, 0.6, 0.72, 0.9, 0.97):
        stated = float(bound.elicits(np.array(p)))
        assert min(abs(best_set(bound, p) - stated)) <= 0.0051
    assert any(min(abs(best_set(bound, p) - p)) > 0.005 for p in GRID)


@every_rule
def test_the_declared_range_is_attained_and_never_left(name, params):
    bound = RULES[name](**params)
    values = np.concatenate([bound(FINE, 0.0), bound(FINE, 1.0)])
    if name != "well_formed":  # its 0 is for faulty replies, which no rule ever sees
        assert values.min() == pytest.approx(bound.low, abs=1e-9)
    assert values.max() == pytest.approx(bound.high, abs=1e-9)


@every_rule
def test_soft_correctness_is_mixed_linearly(name, params):
    bound = RULES[name](**params)
    y = np.array([0.0, 0.3, 0.85, 1.0])
    for c in (0.0, 0.01, 0.37, 0.99, 1.0):
        assert bound(c, y) == pytest.approx(y * bound(c, 1.0) + (1 - y) * bound(c, 0.0), abs=1e-12)


@every_rule
def test_a_surer_right_answer_never_pays_less(name, params):
    bound = RULES[name](**params)
    assert np.diff(bound(GRID, 1.0)).min() >= -1e-12
    if name != "overconfidence":  # nor a surer wrong one more
        assert np.diff(bound(GRID, 0.0)).max() <= 1e-12


@every_rule
def test_a_rule_travels_by_address(name, params):
    bound = RULES[name](**params)
    copy = pickle.loads(pickle.dumps(bound))
    assert (copy.name, dict(copy.params), copy.low) == (name, dict(bound.params), bound.low)
    assert np.array_equal(copy(GRID, 0.5), bound(GRID, 0.5))


@pytest.mark.parametrize("name", RULES)
def test_every_docstring_has_direction_range_formula_reference_and_example(name):
    text = inspect.getdoc(RULES[name])
    assert "higher is better" in text.split("\n\n")[0]
    assert "right" in text.lower() or "y" in text
    assert re.search(r"\((19|20)\d\d\)|\d{4}\.\d{4,5}", text), "no reference with a year"
    assert ">>>" in text


# Worked out by hand: (rule, parameters, confidence, right, wrong)
GOLDEN = [
    ("correct", {}, 0.3, 1.0, 0.0),
    ("well_formed", {}, 0.3, 1.0, 1.0),
    ("brier", {}, 0.7, -0.09, -0.49),
    ("brier_unit", {}, 0.7, 0.91, 0.51),
    ("brier_signed", {}, 0.7, 0.82, 0.02),
    ("correct_brier", {"k": 2.0}, 0.7, 1 - 0.18, -0.98),
    ("uniform_threshold", {}, 0.7, 1.4 - 0.49, -0.49),
    ("unequal_brier", {"right_weight": 1.0, "wrong_weight": 2.0}, 0.7, -0.09, -0.98),
    ("distorted_brier", {"power": 2.0}, 0.5, -0.5625, -0.0625),  # c^2 = 0.25: -(0.75^2), -(0.25^2)
    ("log", {}, 0.5, -math.log(2), -math.log(2)),
    ("log", {}, 1.0, math.log(0.99), math.log(0.01)),
    ("log_unit", {"eps": 0.1}, 0.3, 0.5, 1 + math.log(0.7 / 0.9) / math.log(9)),  # ln 0.3/0.9 is half of ln 0.1/0.9
    ("log_affine", {"eps": 0.0001}, 0.01, 0.0, 1 - 2 * math.log(0.99) / math.log(0.0001)),  # sqrt(eps) pays 0
    ("correct_log", {"k": 2.0, "eps": 0.01}, 0.5, 1 - 2 * math.log(2), -2 * math.log(2)),
    ("brier_log", {}, 0.5, 0.5, 0.5 - math.log(2)),
    ("overconfidence", {"k": 1.0}, 1.0, 1.0, (math.log(2) - 1) / (2 * math.log(2) - 1)),
    ("underconfidence", {"k": 1.0}, 1.0, 1.0, (1 - 2 * math.log(2)) / (1 - math.log(2))),
    ("spherical", {}, 0.6, 0.6 / math.sqrt(0.52), 0.4 / math.sqrt(0.52)),
    ("correct_spherical", {"k": 2.0}, 0.5, 1 + 2 * (math.sqrt(0.5) - 1), 2 * (math.sqrt(0.5) - 1)),
    ("pseudospherical", {"order": 3.0}, 0.5, 0.25 ** (1 / 3), 0.25 ** (1 / 3)),  # (0.5 / 0.25^(1/3))^2 = 0.25^(1/3)
    ("power", {"order": 3.0}, 0.5, 3 * 0.25 - 2 * 0.25, 0.25),
    ("stake", {}, 0.7, 0.7, -0.7),
    ("weighted", {"power": 1.0}, 0.7, 0.7 - 0.245, -0.245),
    ("weighted", {"power": 2.0}, 0.5, 0.25 - 2 / 24, -2 / 24),
    ("absolute", {}, 0.7, -0.3, -0.7),
    ("beta", {"a": 1.0, "b": 1.0}, 0.7, -0.045, -0.245),  # half of Brier
    ("beta", {"a": 2.0, "b": 1.0}, 0.5, -(1 - 0.25) + 2 / 3 * (1 - 0.125), -2 / 3 * 0.125),  # m = 2t
    ("cost_ratio", {"ratio": 1.0, "sharpness": 2.0}, 0.7, -0.045, -0.245),
    ("density", {"weights": [0.0, 2.0]}, 0.75, -2 * (0.25 - 0.21875), -(0.75**2 - 0.25)),  # m = 2 above one half
    ("threshold", {"at": 0.6}, 0.7, 0.4, -0.6),
    ("abstention", {"at": 0.75}, 0.8, 1.0, -3.0),
    ("winkler", {"baseline": 0.5}, 0.75, 0.75, -1.25),  # (1/4 - 1/16) / (1/4), (1/4 - 9/16) / (1/4)
    ("clipped_stake", {}, 0.95, 0.9, -0.9),
    ("centred_stake", {"baseline": 0.2}, 1.0, 0.4, -0.1),
    ("confidence_if_right", {}, 0.7, 0.7, 0.0),
    ("distance_decay", {}, 0.5, 0.1, 0.1),
    ("stretched_log", {}, 0.001, 0.0, 1.0),  # sqrt(1e-6) = 0.001 scores 0; 0.999 scores 1 - 1.4e-4
]


@pytest.mark.parametrize(("name", "params", "c", "right", "wrong"), GOLDEN)
def test_golden_values(name, params, c, right, wrong):
    bound = RULES[name](**params)
    assert [float(bound(c, 1)), float(bound(c, 0))] == pytest.approx([right, wrong], abs=3e-4)


def test_every_rule_has_a_golden_value():
    assert {case[0] for case in GOLDEN} == set(RULES)


def test_well_known_rules_are_special_cases_of_each_other():
    def same(a, b, scale=1.0, shift=0.0):
        return all(np.allclose(a(GRID, y), scale * b(GRID, y) + shift) for y in (0.0, 1.0))

    get = lambda name, **params: RULES[name](**params)  # noqa: E731
    assert same(get("uniform_threshold"), get("correct_brier"))
    assert same(get("correct_brier"), get("weighted"), scale=2.0)
    assert same(get("power", order=2.0), get("brier_signed"))
    assert same(get("pseudospherical", order=2.0), get("spherical"))
    assert same(get("brier"), get("beta", a=1.0, b=1.0), scale=2.0)
    assert same(get("brier_unit"), get("brier"), shift=1.0)
    assert same(get("cost_ratio", ratio=3.0, sharpness=4.0), get("beta", a=3.0, b=1.0))


def test_a_weight_function_gives_the_rule_it_belongs_to():
    made = from_density(lambda t: 2 * t)  # the density of Beta(2, 1)
    assert np.allclose(made(GRID, 1.0), RULES["beta"](a=2.0, b=1.0)(GRID, 1.0), atol=1e-5)
    assert np.array_equal(pickle.loads(pickle.dumps(made))(GRID, 0.0), made(GRID, 0.0))


def test_a_mixture_of_thresholds_is_the_rule_of_its_weights():
    at = (np.arange(1000) + 0.5) / 1000
    c = 0.637
    mixture = [np.mean([float(RULES["threshold"](at=t)(c, y)) for t in at]) for y in (1, 0)]
    # the density form is shifted so that a sure hit pays 0: by int_0^1 (1-t) dt = 1/2 when right
    assert [mixture[0] - 0.5, mixture[1]] == pytest.approx([-0.5 * (1 - c) ** 2, -0.5 * c**2], abs=1e-3)


def test_incomplete_beta_against_closed_forms():
    x = np.linspace(0, 1, 11)
    assert np.allclose(incomplete_beta(1.0, 1.0, x), x, atol=1e-14)
    assert np.allclose(incomplete_beta(2.0, 3.0, x), 6 * x**2 - 8 * x**3 + 3 * x**4, atol=1e-13)
    assert np.allclose(incomplete_beta(0.5, 0.5, x), 2 / np.pi * np.arcsin(np.sqrt(x)), atol=1e-13)


def test_arrays_and_scalars():
    brier = RULES["brier"]()
    assert brier([0.5, 1.0], 1).tolist() == [-0.25, 0.0]
    assert float(brier(0.5, 1)) == -0.25


@pytest.mark.parametrize(("c", "y", "text"), [
    (1.2, 1, r"brier: confidence must lie in \[0, 1\], got values from 1.2 to 1.2"),
    (0.5, [-1, 1], r"brier: correct must lie in \[0, 1\], got values from -1.0 to 1.0"),
    (math.nan, 1, r"brier: confidence must lie in \[0, 1\]"),
])  # fmt: skip
def test_values_outside_the_unit_interval_are_refused(c, y, text):
    with pytest.raises(UserError, match=text):
        RULES["brier"]()(c, y)


@pytest.mark.parametrize(("name", "params", "text"), [
    ("beta", {"a": 0.0}, "a must be positive, got 0.0"),
    ("cost_ratio", {"ratio": -1}, "ratio must be positive, got -1"),
    ("density", {"weights": []}, r"weights must be a list of finite numbers >= 0, not all 0, got \[\]"),
    ("density", {"weights": [1, -1]}, "weights must be a list of finite numbers"),
    ("threshold", {"at": 1.0}, "at must lie strictly between 0 and 1, got 1.0"),
    ("winkler", {"baseline": 0}, "baseline must lie strictly between 0 and 1, got 0"),
    ("log", {"epz": 1}, "rule 'log' has no parameter 'epz'; did you mean 'eps'?"),
    ("log", {"eps": 0.7}, r"eps must lie in \[0, 0.5\), got 0.7"),
    ("overconfidence", {"k": 0}, "k must be positive, got 0"),
    ("pseudospherical", {"order": 1.0}, "order must be above 1, got 1.0"),
    ("weighted", {"power": 0}, "power must be positive, got 0"),
])  # fmt: skip
def test_parameters_out_of_range_are_refused(name, params, text):
    with pytest.raises(UserError, match=text):
        RULES[name](**params)


def test_a_name_can_be_declared_only_once():
    exec_here = {"Rule": Rule, "rule": rule, "__name__": "elsewhere"}
    source = "@rule(proper=True, low=0, high=1)\ndef brier():\n    'x'\n    return Rule(right=abs, wrong=abs)\n"
    with pytest.raises(UserError, match="rule 'brier' is already declared at emocal_rl.rewards.rules.quadratic:brier"):
        exec(compile(source, "elsewhere.py", "exec"), exec_here)


def test_a_rule_defined_inside_a_function_cannot_travel():
    @rule(proper=True, low=-1, high=0)
    def only_here():
        """Local."""
        return Rule(right=lambda c: c - 1, wrong=lambda c: -c)

    try:
        with pytest.raises(UserError, match="define it at the top level of a module"):
            pickle.loads(pickle.dumps(only_here()))
    finally:
        del RULES["only_here"]


def test_unknown_rules_get_a_suggestion():
    with pytest.raises(UserError, match=r"unknown rule 'sphercal'; did you mean 'spherical'\? Your own is written"):
        find("sphercal", RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_million_pairs_are_scored_well_under_a_second(name):
    c, y = np.random.default_rng(0).random((2, 1_000_000))
    started = time.process_time()
    assert RULES[name]()(c, y).shape == (1_000_000,)
    assert time.process_time() - started < 0.9  # the beta family takes half of it, all others a few hundredths


def test_lists_are_fine_as_weights_of_a_density():
    assert density(weights=[1, 1]).params == {"weights": [1, 1]}
