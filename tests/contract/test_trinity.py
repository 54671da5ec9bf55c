"""Trinity-RFT: its registry imports the class, its workflow makes it and adds up what it returns."""

import pytest
from said import PAID
from trinity.common.rewards import REWARD_FUNCTIONS, RewardFn


def test_what_is_paid():
    made = REWARD_FUNCTIONS.get("emocal_rl.adapters.trinity.EmocalReward")
    assert issubclass(made, RewardFn)
    reward = made(reward="brier")
    paid = [sum(reward(response=text, truth="joy", prompt="How?").values()) for text in PAID]
    assert paid == pytest.approx(list(PAID.values()))
