"""OpenRLHF: its agent executor loads the file and calls it in a thread."""

import asyncio
import json
from types import SimpleNamespace

import pytest
import torch
from openrlhf.utils.agent import SingleTurnAgentExecutor
from said import CANDIDATES, PAID

from emocal_rl.plugins import packaged


class Characters:
    """A tokenizer with one token a character."""

    def __call__(self, text, **options):
        return {"input_ids": torch.tensor([[ord(character) for character in text]])}

    def decode(self, ids, skip_special_tokens=False):
        return "".join(map(chr, ids))


class Engine:
    """Says one thing, as vLLM hands it over."""

    def __init__(self, text):
        self.ids = [ord(character) for character in text]

    async def generate(self, ids, params, multi_modal_data=None):
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=self.ids, finish_reason="stop", logprobs=None)])


def result(text, label):
    executor = SingleTurnAgentExecutor(str(packaged()["openrlhf"]))
    params = SimpleNamespace(max_tokens=500, logprobs=None)
    prompt = "<|user|>How?<|assistant|>"
    return asyncio.run(executor.execute(prompt, label, params, 2000, Characters(), Engine(text + "<|im_end|>")))


@pytest.mark.parametrize("label", ["joy", json.dumps({"label": "joy", "candidates": CANDIDATES})])
def test_what_is_paid(label, monkeypatch):
    monkeypatch.setenv("EMOCAL_REWARD", "brier")
    given = [result(text, label) for text in PAID]
    assert [float(one["reward"]) for one in given] == pytest.approx(list(PAID.values()))
    assert [float(one["scores"]) for one in given] == pytest.approx(list(PAID.values()))
    assert all(one["reward"].shape == (1,) and one["reward"].dtype == torch.float32 for one in given)
    assert all(one["extra_logs"].keys() == given[0]["extra_logs"].keys() for one in given)


def test_a_misspelt_setting_stops_the_loading(monkeypatch):
    """Once it is loaded, OpenRLHF hides what goes wrong in a reward."""
    monkeypatch.setenv("EMOCAL_REWARD", "breir")
    with pytest.raises(ValueError, match="^unknown reward 'breir'; did you mean 'brier'?"):
        SingleTurnAgentExecutor(str(packaged()["openrlhf"]))
