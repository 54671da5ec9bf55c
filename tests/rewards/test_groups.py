import numpy as np
import pytest

from emocal_rl.errors import UserError
from emocal_rl.rewards import FORMATS, GROUP_TARGETS, Reward

TEXT = FORMATS["rlcr_short"].write({"think": "x"}, "a", 0.5)
RIGHT, WRONG = {"label": "a"}, {"label": "b"}


def made(target):
    terms = {"brier": {"weight": 1.0, "target": target}}
    return Reward(terms, format="rlcr_short", grader="label")


def pays(t, c=0.5):
    return -(t * (1 - c) ** 2 + (1 - t) * c**2)


@pytest.mark.parametrize(("target", "expected"), [
    ("outcome", [1, 0, 0, 1]),
    ("group_mean", [1 / 3, 1 / 3, 1 / 3, 1]),
    ("leave_one_out", [0, 0.5, 0.5, 0]),
    ({"use": "mixed", "own": 0.5}, [2 / 3, 1 / 6, 1 / 6, 1]),
])  # fmt: skip
def test_targets_by_hand(target, expected):
    """Group p: right, wrong, wrong; group q: right, alone."""
    confident = FORMATS["rlcr_short"].write({"think": "x"}, "a", 0.8)
    rows = made(target)([confident] * 4, [RIGHT, WRONG, WRONG, RIGHT], groups=["p", "p", "p", "q"])
    assert [row.total for row in rows] == pytest.approx([pays(t, 0.8) for t in expected])


def test_groups_are_told_by_their_id_and_not_by_their_place():
    together = made("group_mean")([TEXT] * 4, [RIGHT, WRONG, RIGHT, WRONG], groups=[1, 1, 2, 2])
    shuffled = made("group_mean")([TEXT] * 4, [RIGHT, RIGHT, WRONG, WRONG], groups=[1, 2, 1, 2])
    assert [row.total for row in together] == [row.total for row in shuffled]


def test_faulty_rollouts_count_as_wrong_and_ungradable_ones_not_at_all():
    confident = FORMATS["rlcr_short"].write({"think": "x"}, "a", 1.0)
    rows = made("group_mean")([confident, "junk", confident], [RIGHT, RIGHT, {"label": None}], groups=[0, 0, 0])
    assert rows[0].total == pytest.approx(pays(0.5, 1.0))
    assert rows[2].total is None


def test_a_group_target_needs_groups():
    assert made("group_mean").needs_groups
    with pytest.raises(UserError, match="a term has a group target: pass groups"):
        made("group_mean")([TEXT], [RIGHT])
    with pytest.raises(UserError, match="reward: 1 completions but 2 groups"):
        made("group_mean")([TEXT], [RIGHT], groups=[0, 0])


@pytest.mark.parametrize("name", GROUP_TARGETS)
@pytest.mark.parametrize("size", [2, 5, 8])
def test_targets_keep_the_mean_and_own_share_is_what_it_says(name, size):
    target = GROUP_TARGETS[name]()
    y = (np.random.default_rng(0).random(size) < 0.5).astype(float)
    values = target.of(y, y.sum() - y, size)
    assert values.mean() == pytest.approx(y.mean())
    assert ((values >= 0) & (values <= 1)).all()
    moved = target.of(1.0, 1.0, size) - target.of(0.0, 1.0, size)
    assert moved == pytest.approx(target.own_share(size))


@pytest.mark.parametrize(("target", "text"), [
    ("group_maen", "reward.brier: unknown target 'group_maen'; did you mean 'group_mean'?"),
    ({"use": "mixed", "own": 2}, "reward.brier: mixed: own must lie in [0, 1], got 2"),
    ({"use": "mixed", "a": 0.5}, "reward.brier: target 'mixed': mixed() got an unexpected keyword argument 'a'"),
])  # fmt: skip
def test_mistakes_are_named(target, text):
    with pytest.raises(UserError) as error:
        made(target)
    assert str(error.value) == text
