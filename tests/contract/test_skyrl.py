"""SkyRL: an environment that skyrl-gym makes."""

import pytest
import skyrl_gym
from said import CANDIDATES, PAID

from emocal_rl.adapters.skyrl import register


@pytest.fixture(scope="module", autouse=True)
def _registered():
    register()


def step(text, config):
    extras = {"reward_spec": {"method": "rule", "ground_truth": "joy"}, "candidates": CANDIDATES, "data_source": "x"}
    environment = skyrl_gym.make("emocal", env_config=config, extras=extras)
    environment.init([{"role": "user", "content": "How?"}])
    return environment.step(text), environment.get_metrics()


def test_what_is_paid():
    given = [step(text, {"reward": "brier"}) for text in PAID]
    assert [one["reward"] for one, _ in given] == pytest.approx(list(PAID.values()))
    assert all(one["done"] for one, _ in given)
    assert all(metrics.keys() == given[0][1].keys() for _, metrics in given)


def test_without_settings_the_environment_variables_count(monkeypatch):
    monkeypatch.setenv("EMOCAL_REWARD", "brier")
    monkeypatch.setenv("EMOCAL_SCALE", "raw")
    assert step("no tags", {})[0]["reward"] == -1.0
