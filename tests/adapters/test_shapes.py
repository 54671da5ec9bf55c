"""The calls of frameworks that cannot be installed beside the others, written out by hand."""

import asyncio
import importlib
import inspect
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from types import SimpleNamespace

import pytest

from emocal_rl.adapters.openrlhf import reply_in
from emocal_rl.errors import UserError
from emocal_rl.plugins import packaged

GOOD = "<think>a smile</think><answer>joy</answer><analysis>clear</analysis><confidence>0.9</confidence>"
PAID = {GOOD: 0.995, GOOD.replace("joy", "awe"): 0.095, "no tags": 0.0}


def dotted(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_axolotl():
    """Its loader refuses functions with fewer than two parameters."""
    reward = dotted("emocal_rl.adapters.trl.brier")
    assert len(inspect.signature(reward).parameters) >= 2
    paid = reward(prompts=["?"] * 3, completions=list(PAID), completion_ids=[[1]] * 3, label=["joy"] * 3)
    assert paid == pytest.approx(list(PAID.values()))


def test_easyr1(monkeypatch):
    """A file, loaded under a name of its own; functools.partial adds the configured keywords."""
    monkeypatch.setenv("EMOCAL_REWARD", "rlcr")
    spec = spec_from_file_location("custom_reward_module", packaged()["easyr1"])
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (module.REWARD_NAME, module.REWARD_TYPE) == ("emocal", "batch")
    inputs = [{"response": text, "response_length": 9, "ground_truth": "joy"} for text in PAID]
    given = module.compute_score(inputs, reward="brier")
    assert [one["overall"] for one in given] == pytest.approx(list(PAID.values()))
    assert all(type(value) is float for one in given for value in one.values())


def sample(text):
    return SimpleNamespace(
        prompt="?", response=f"{text}<|im_end|>", label="joy", metadata={"candidates": ["joy", "awe"]}
    )


def test_slime_one_sample_at_a_time():
    reward = dotted("emocal_rl.adapters.slime.brier")
    paid = [asyncio.run(reward(SimpleNamespace(), sample(text), evaluation=True)) for text in PAID]
    assert paid == pytest.approx(list(PAID.values()))


def test_slime_with_group_rm():
    reward = dotted("emocal_rl.adapters.slime.coca")
    first = "<think>x</think><confidence>0.5</confidence><answer>{}</answer>"
    group = [sample(first.format(answer)) for answer in ("joy", "awe")]
    # mean 1/2: each loses .25 for the confidence; {correct: 1, brier: 1} lies in [-1, 1]
    assert asyncio.run(reward(SimpleNamespace(), group)) == pytest.approx([0.875, 0.375])


def test_slime_says_when_it_needs_group_rm():
    with pytest.raises(UserError, match="^reward 'coca' compares the replies to a prompt: run slime with --group-rm$"):
        asyncio.run(dotted("emocal_rl.adapters.slime.coca")(SimpleNamespace(), sample(GOOD)))


@pytest.mark.parametrize(
    "episode",
    [
        SimpleNamespace(artifacts={"answer": GOOD}, trajectories=[]),
        SimpleNamespace(artifacts={}, trajectories=[SimpleNamespace(output=GOOD, steps=[])]),
        SimpleNamespace(trajectories=[SimpleNamespace(output=None, steps=[SimpleNamespace(output=GOOD)])]),
        SimpleNamespace(trajectories=[SimpleNamespace(steps=[SimpleNamespace(model_response=GOOD)])]),
    ],
)
def test_rllm(episode):
    task = SimpleNamespace(metadata={"ground_truth": "joy", "question": "?"})
    for given in (task, task.metadata):
        result = dotted("emocal_rl.adapters.rllm.brier").evaluate(given, episode)
        assert (result["reward"], result["is_correct"]) == (pytest.approx(0.995), True)
        assert result["signals"]["confidence"] == 0.9


def test_rllm_finds_the_evaluator_by_name():
    (found,) = [one for one in entry_points(group="rllm.evaluators") if one.name == "emocal"] or [None]
    if found is None:
        pytest.skip("installed before the entry point was declared: pip install -e .")
    assert found.load().__name__ == "evaluate"


@pytest.mark.parametrize("name", ["openrlhf", "verl"])
def test_reward_files(name, monkeypatch):
    monkeypatch.setenv("EMOCAL_REWARD", "brier")
    spec = spec_from_file_location("reward_func", packaged()[name])
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    if name == "verl":
        assert module.compute_score("x", GOOD, "joy")["score"] == pytest.approx(0.995)
    else:
        assert module.reward_func([f"?{GOOD}</s>"], ["?"], ["joy"])["rewards"].tolist() == pytest.approx([0.995])


def test_openrlhf_finds_the_reply_behind_a_prompt_that_repeats_its_end() -> None:
    """An example in the prompt ends as the prompt does; the reply is what comes after the last of them."""
    end = "<|im_end|>\n<|im_start|>user\nState your answer and how sure you are.<|im_end|>\n<|im_start|>assistant\n"
    prompt = f"<s> {end}Answer: fear{end}"
    assert reply_in(prompt.replace("<s> ", "<s>") + "Answer: joy", prompt) == "Answer: joy"
    assert reply_in(prompt.replace("<s> ", "<s>") + f"Answer: joy{end}", prompt) == f"Answer: joy{end}"
