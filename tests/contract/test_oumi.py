"""Oumi: its registry reads the file of extra dependencies (once, hence a new process), its builder the rewards."""

import json
import os
import subprocess
import sys

import pytest
from said import PAID

from emocal_rl.plugins import packaged

SCRIPT = """
import json, sys
from oumi.builders.rewards import build_reward_functions
from oumi.core.configs import TrainingParams
from oumi.core.configs.params.training_params import TrainerType

texts = json.loads(sys.argv[1])
columns = {"prompts": ["?"] * 3, "completions": texts, "completion_ids": [[1]] * 3, "label": ["joy"] * 3}
trl = TrainingParams(trainer_type=TrainerType.TRL_GRPO, reward_functions=["emocal_brier", "emocal"])
verl = TrainingParams(trainer_type=TrainerType.VERL_GRPO, reward_functions=["emocal_verl"])
for reward in build_reward_functions(trl):
    print("paid", json.dumps(reward(**columns)))
(reward,) = build_reward_functions(verl)
print("paid", json.dumps([reward("emotions", text, "joy", {})["score"] for text in texts]))
"""


def test_what_is_paid(tmp_path):
    listed = tmp_path / "extra.txt"
    listed.write_text(f"{packaged()['oumi']}\n")
    settings = {"OUMI_EXTRA_DEPS_FILE": str(listed), "EMOCAL_REWARD": "brier"}
    command = [sys.executable, "-c", SCRIPT, json.dumps(list(PAID))]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
    found = [line.removeprefix("paid ") for line in done.stdout.splitlines() if line.startswith("paid ")]
    assert [json.loads(line) for line in found] == [pytest.approx(list(PAID.values()))] * 3, done.stderr
