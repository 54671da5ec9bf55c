"""Hard questions: unsound rewards teach deliberate wrong answers with a confidence near 0, sound ones do not."""

import numpy as np
import pytest

from emocal_rl.rewards import Reward, judge
from emocal_rl.rewards.presets import preset
from emocal_rl.train.bandit import LEVELS
from emocal_rl.train.hacking import Task, end, gradient, train

TASK = Task(prompts=48, steps=700, rate=0.05)
UNSOUND = {"brier at twice its weight": {"correct": 1.0, "brier": 2.0}, "pure brier": {"brier": 1.0}}
SOUND = {
    "correct + brier": {"correct": 1.0, "brier": 1.0},
    "correct + half brier": {"correct": 1.0, "brier": 0.5},
    "correct + clipped log": {"correct": 1.0, "log": {"weight": 0.2, "eps": 0.01}},
    "correct + spherical": {"correct": 1.0, "spherical": 1.0},
}


def made(terms) -> Reward:
    return Reward(terms, format="emocaliber", grader="label")


@pytest.mark.parametrize("terms", UNSOUND.values(), ids=UNSOUND)
def test_an_unsound_reward_is_hacked(terms):
    found = train(made(terms), TASK)
    assert not judge(made(terms)).sound
    assert found.given_up > 0.95
    assert found.giving_up_says < 0.1
    assert found.accuracy < 0.02


def test_the_reward_of_emocaliber_is_hacked():
    published = preset("emocaliber")
    found = train(Reward(published.terms, published.format, "label", floor=published.floor), TASK)
    assert found.given_up > 0.95
    assert found.giving_up_says < 0.1


@pytest.mark.parametrize("terms", SOUND.values(), ids=SOUND)
def test_a_sound_reward_is_not(terms):
    found = train(made(terms), TASK)
    assert judge(made(terms)).sound
    assert found.given_up < 0.05
    assert found.accuracy == pytest.approx(np.mean(TASK.chances), abs=0.01)
    assert found.trying_says == pytest.approx(np.mean(TASK.chances), abs=0.05)  # the levels are 0.1 apart


def test_the_end_by_hand():
    """One question, right .2: half the replies try at .05, half give up at .95."""
    policy = np.zeros((1, 2 * len(LEVELS)))
    policy[0, 0] = policy[0, -1] = 0.5
    found = end(policy, Task(chances=(0.2,)))
    assert (found.given_up, found.accuracy) == (0.5, pytest.approx(0.1))
    assert (found.trying_says, found.giving_up_says) == pytest.approx((0.05, 0.95))


def test_giving_up_is_never_right():
    """Whoever is always right when trying, and is paid for correctness alone, learns to try, from any start."""
    task, policy = Task(chances=(1.0,), prompts=4), np.full((1, 20), 0.05)
    found = gradient(policy, np.array([[0.0] * 10, [1.0] * 10]), task, np.random.default_rng(0))
    assert found[0, :10].sum() > 0 > found[0, 10:].sum()
    assert found.sum() == pytest.approx(0)
