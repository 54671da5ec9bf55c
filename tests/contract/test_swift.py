"""ms-swift: its loader of plug-ins, its registry, its scoring."""

import subprocess
import sys

import pytest
import torch
from said import CANDIDATES, PAID
from swift.rewards import orms
from swift.rl_core.data import GRPOSample
from swift.rl_core.grpo_algorithm import compute_rewards_per_func
from swift.utils import import_external_file

from emocal_rl.plugins import packaged


def samples():
    columns = {"candidates": CANDIDATES, "votes": {"joy": 2, "awe": None}, "prompt_id": "1"}
    for i, text in enumerate(PAID):
        messages = [{"role": "user", "content": "How?"}, {"role": "assistant", "content": text}]
        yield GRPOSample.from_row({**columns, "messages": messages, "request_id": str(i)})


def test_what_is_paid(monkeypatch):
    monkeypatch.setenv("EMOCAL_REWARD", "brier")
    import_external_file(str(packaged()["swift"]))
    rewards = [orms[name](args=None) for name in ("emocal", "emocal_brier", "emocal_rlcr", "emocal_coca")]
    assert len({type(reward).__name__ for reward in rewards}) == 4  # these are the names in its logs
    paid = compute_rewards_per_func(list(samples()), rewards, None, torch.device("cpu"))
    for column in (paid[:, 0], paid[:, 1]):
        assert column.tolist() == pytest.approx(list(PAID.values()))
    assert ((paid >= 0) & (paid <= 1)).all()


def test_the_folder_of_the_file_hides_no_framework():
    """ms-swift puts it in front of the import path."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import swift, verl, openrlhf; print(swift.__file__)"
    done = subprocess.run([sys.executable, "-c", code, str(packaged()["swift"].parent)], capture_output=True, text=True)
    assert "site-packages" in done.stdout, done.stderr
