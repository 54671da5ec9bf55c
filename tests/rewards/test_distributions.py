import inspect
import pickle
import re

import numpy as np
import pytest

from emocal_rl.errors import UserError
from emocal_rl.rewards import DISTRIBUTION_RULES
from emocal_rl.rewards.incentive.simplex import simplex
from emocal_rl.rewards.rules import brier, log, spherical

every_rule = pytest.mark.parametrize("name", DISTRIBUTION_RULES)


@every_rule
@pytest.mark.parametrize("labels", [2, 3, 4])
def test_the_truth_pays_most(name, labels):
    rule = DISTRIBUTION_RULES[name]()
    grid = simplex(labels, 10)
    for truth in grid[(grid > 0).all(axis=1)]:
        pay = rule(grid, np.broadcast_to(truth, grid.shape))
        assert np.array_equal(grid[pay.argmax()], truth)
        assert np.sort(pay)[-2] < pay.max()


@every_rule
def test_the_declared_range_is_attained_and_never_left(name):
    rule = DISTRIBUTION_RULES[name]()
    grid = simplex(3, 10)
    values = np.concatenate([rule(grid, np.broadcast_to(np.eye(3)[k], grid.shape)) for k in range(3)])
    assert (values.min(), values.max()) == (pytest.approx(rule.low), pytest.approx(rule.high))


@every_rule
def test_linear_in_the_label_distribution(name):
    rule, stated = DISTRIBUTION_RULES[name](), [0.5, 0.3, 0.2]
    one_at_a_time = [rule(stated, truth) for truth in np.eye(3)]
    assert rule(stated, [0.2, 0.2, 0.6]) == pytest.approx(np.dot([0.2, 0.2, 0.6], one_at_a_time))


@every_rule
def test_travels_by_address(name):
    rule = DISTRIBUTION_RULES[name]()
    assert pickle.loads(pickle.dumps(rule))([0.5, 0.5], [1, 0]) == rule([0.5, 0.5], [1, 0])


@pytest.mark.parametrize(("name", "scalar"), [
    ("multiclass_brier", brier()), ("multiclass_log", log(eps=0.001)), ("multiclass_spherical", spherical()),
    ("ranked_probability", brier()),
])  # fmt: skip
def test_with_two_labels_they_are_the_scalar_rules(name, scalar):
    c = np.arange(1, 100) / 100
    stated = np.stack([c, 1 - c], axis=1)
    for y, truth in ((1.0, [1, 0]), (0.0, [0, 1])):
        assert np.allclose(DISTRIBUTION_RULES[name]()(stated, np.broadcast_to(truth, stated.shape)), scalar(c, y))


# stated (0.5, 0.3, 0.2), the first label true
GOLDEN = {
    "multiclass_brier": -0.5 * (0.25 + 0.09 + 0.04),
    "multiclass_log": np.log(0.5),
    "multiclass_spherical": 0.5 / np.sqrt(0.38),
    "ranked_probability": -0.5 * (0.5**2 + 0.2**2),  # cumulative 0.5, 0.8 against 1, 1
}


@every_rule
def test_golden_values(name):
    assert DISTRIBUTION_RULES[name]()([0.5, 0.3, 0.2], [1, 0, 0]) == pytest.approx(GOLDEN[name])


def test_a_near_miss_costs_less_only_for_ordered_labels():
    near, far = [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
    ranked, plain = DISTRIBUTION_RULES["ranked_probability"](), DISTRIBUTION_RULES["multiclass_brier"]()
    assert ranked(near, [1, 0, 0]) > ranked(far, [1, 0, 0])
    assert plain(near, [1, 0, 0]) == plain(far, [1, 0, 0])


@pytest.mark.parametrize("stated", [[0.5, 0.6], [-0.1, 1.1], [np.nan, 1.0]])
def test_what_is_no_distribution_is_refused(stated):
    with pytest.raises(UserError, match="multiclass_brier: stated must be a distribution"):
        DISTRIBUTION_RULES["multiclass_brier"]()(stated, [1, 0])


@every_rule
def test_every_docstring_has_direction_range_reference_and_example(name):
    text = inspect.getdoc(DISTRIBUTION_RULES[name])
    assert re.search(r"\(higher is better, in \[.*, .*\]\): ", text.split("\n")[0])
    assert re.search(r"\((19|20)\d\d\)", text), "no reference with a year"
    assert ">>>" in text


def test_different_numbers_of_labels_are_refused():
    """A truth over one label would be spread over all three and pay the sum of their scores."""
    for truth in ([1.0], [0.5, 0.5]):
        with pytest.raises(UserError, match=f"multiclass_brier: stated has 3 labels and truth {len(truth)}: they must"):
            DISTRIBUTION_RULES["multiclass_brier"]()([0.5, 0.3, 0.2], truth)
