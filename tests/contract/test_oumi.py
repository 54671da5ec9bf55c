"""Oumi: its registry, its file of extra dependencies, its builder of reward functions."""

import pytest
from said import PAID

from emocal_rl.plugins import packaged

oumi = pytest.importorskip("oumi.builders.rewards")


def test_what_is_paid(tmp_path, monkeypatch):
    from oumi.core.configs import TrainingParams
    from oumi.core.configs.params.training_params import TrainerType

    listed = tmp_path / "extra.txt"
    listed.write_text(f"{packaged()['oumi']}\n")
    monkeypatch.setenv("OUMI_EXTRA_DEPS_FILE", str(listed))
    monkeypatch.setenv("EMOCAL_REWARD", "brier")
    params = TrainingParams(trainer_type=TrainerType.TRL_GRPO, reward_functions=["emocal_brier", "emocal"])
    for reward in oumi.build_reward_functions(params):
        paid = reward(prompts=["?"] * 3, completions=list(PAID), completion_ids=[[1]] * 3, label=["joy"] * 3)
        assert paid == pytest.approx(list(PAID.values()))
