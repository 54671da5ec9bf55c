"""tinker-cookbook: the message environment inside its token environment."""

import asyncio

import pytest
from said import CANDIDATES, PAID
from tinker_cookbook.renderers import get_renderer
from tinker_cookbook.renderers.base import parse_content_blocks
from tinker_cookbook.rl.message_env import EnvFromMessageEnv

from emocal_rl.adapters.tinker import WORST, EmocalMessageEnv


class Characters:
    """A tokenizer with one token a character."""

    name_or_path = "characters"
    bos_token, eos_token_id = "", 0

    def encode(self, text, add_special_tokens=False):
        return [ord(character) for character in text]

    def decode(self, ids, skip_special_tokens=False):
        return "".join(map(chr, ids))


def step(text):
    renderer = get_renderer("role_colon", Characters())
    question = [{"role": "user", "content": "How?"}]
    message_env = EmocalMessageEnv(question, {"label": "joy", "candidates": CANDIDATES})
    env = EnvFromMessageEnv(renderer, message_env, failed_parse_reward=WORST, context_overflow_reward=WORST)

    async def run():
        await env.initial_observation()
        return await env.step(Characters().encode(text + "\n\nUser:"))

    return asyncio.run(run())


def test_what_is_paid(monkeypatch):
    monkeypatch.setenv("EMOCAL_REWARD", "brier")
    given = [step(text) for text in PAID]
    assert [one.reward for one in given] == pytest.approx(list(PAID.values()))
    assert all(one.episode_done for one in given)
    assert [one.metrics["correct"] for one in given] == [1.0, 0.0, 0.0]


def test_reasoning_that_a_renderer_cuts_out(monkeypatch):
    """Renderers of thinking models split the text into parts."""
    monkeypatch.setenv("EMOCAL_REWARD", "brier")
    parts = parse_content_blocks(next(iter(PAID)))[0]
    assert [part["type"] for part in parts] == ["thinking", "text"]
    env = EmocalMessageEnv([{"role": "user", "content": "How?"}], {"label": "joy"})
    given = asyncio.run(env.step({"role": "assistant", "content": parts}))
    assert given.reward == pytest.approx(0.995)
