"""TRL: trainers that take a step with the callables that its command line finds."""

import asyncio
import importlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from accelerate import PartialState
from datasets import Dataset
from said import BAD, CANDIDATES, GOOD, PAID, WRONG
from tokenizers import Regex, Tokenizer, decoders, models
from tokenizers.pre_tokenizers import Split
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer
from trl.experimental.async_grpo.async_rollout_worker import RolloutGroup, TrainingSequence, _AsyncRolloutLoop

import emocal_rl

ROWS = [
    {"prompt": "How?", "candidates": CANDIDATES, "label": "joy", "votes": {"joy": 3, "awe": 1}},
    {"prompt": "Why?", "candidates": ["sad"], "label": "sad", "votes": {"sad": 1}},
]

# what connects the loop to the trainer's process, which scoring does not touch
PLUMBING = (
    "rollout_buffer", "model_version_value", "heartbeat_value", "failed_event", "exception_info_queue", "metrics_queue",
)  # fmt: skip


def dotted(path: str) -> Any:
    """As ``trl grpo --reward_funcs`` does."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def one_character_a_token() -> PreTrainedTokenizerFast:
    words = ["<pad>", "<eos>", "<unk>", *map(chr, range(32, 127))]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer, tokenizer.decoder = Split(Regex("."), "isolated"), decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")


def tiny_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), pad_token_id=0, eos_token_id=1, **sizes))


@pytest.mark.parametrize(("trainer", "config"), [(GRPOTrainer, GRPOConfig), (RLOOTrainer, RLOOConfig)])
def test_a_step_of_training(trainer, config, tmp_path):
    tokenizer = one_character_a_token()
    options = {
        "beta": 0.0,
        "per_device_train_batch_size": 4,
        "num_generations": 2,
        "max_completion_length": 8,
        "max_steps": 1,
    }
    quiet = {"use_cpu": True, "bf16": False, "report_to": [], "logging_steps": 1, "output_dir": str(tmp_path)}
    names = ["rlcr", "brier", "dcpo"]  # dcpo compares the replies to a prompt
    running = trainer(
        model=tiny_model(tokenizer),
        reward_funcs=[dotted(f"emocal_rl.adapters.trl.{name}") for name in names],
        args=config(**options, **quiet),
        train_dataset=Dataset.from_list(ROWS * 2),
        processing_class=tokenizer,
    )
    running.train()
    log = running.state.log_history[0]
    assert [log[f"rewards/{name}/mean"] for name in names] == [0.0, 0.0, 0.0]  # eight random characters
    assert log["brier/parsed"] == 0.0


def test_its_own_script_takes_the_dotted_path(tmp_path):
    tokenizer = one_character_a_token()
    for made in (tokenizer, tiny_model(tokenizer)):
        made.save_pretrained(tmp_path / "model")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS * 2))
    options = (
        "--model_name_or_path model --dataset_name data --output_dir out --reward_funcs emocal_rl.adapters.trl.brier "
        "emocal_rl.adapters.trl.rlcr --max_steps 1 --num_generations 2 --per_device_train_batch_size 4 "
        "--logging_steps 1 --max_completion_length 8 --use_cpu true --bf16 false --report_to none --dtype float32"
    )
    command = [sys.executable, "-m", "trl.scripts.grpo", *options.split()]
    source = str(Path(emocal_rl.__file__).parents[1])
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": source}
    )
    assert done.returncode == 0, done.stderr
    (state,) = tmp_path.glob("out/checkpoint-*/trainer_state.json")
    log = json.loads(state.read_text())["log_history"][0]
    assert [log[f"rewards/{name}/mean"] for name in ("brier", "rlcr")] == [0.0, 0.0]  # eight random characters


def test_arrow_fills_votes_with_none_and_they_are_left_out():
    table = Dataset.from_list(ROWS)
    assert table[0]["votes"] == {"joy": 3, "awe": 1, "sad": None}
    columns = {name: [table[0][name]] * 3 for name in ("candidates", "votes")}
    replies = [[{"role": "assistant", "content": text}] for text in (GOOD, WRONG, BAD)]
    # three of four say joy: .75 - (.75 * .01 + .25 * .81) = .54, and .25 - (.25 * .01 + .75 * .81) = -.36
    paid = dotted("emocal_rl.adapters.trl.brier")(prompts=["How?"] * 3, completions=replies, **columns)
    assert paid == pytest.approx([0.77, 0.32, 0.0])


def test_the_asynchronous_trainer_pickles_it_and_scores_a_group_with_it():
    """AsyncGRPO sends reward functions to a process of its own, and calls them without trainer_state and log_metric.

    The scoring of its rollout loop itself; the text comes from here, since its rollouts need a vLLM server.
    """
    PartialState(cpu=True)  # as the process of the loop does; its log needs it
    tokenizer = one_character_a_token()
    tokenizer.response_template = ""  # there is one already: no guess from the chat template
    reward, plumbing = pickle.loads(pickle.dumps(dotted("emocal_rl.adapters.trl.brier"))), dict.fromkeys(PLUMBING)
    loop = _AsyncRolloutLoop(
        model_name="m", dataset=Dataset.from_list(ROWS), reward_funcs=[reward], processing_class=tokenizer,
        eos_token_ids=[1], **plumbing,
    )  # fmt: skip
    told = [[{"role": "assistant", "content": text}] for text in PAID]
    row = [TrainingSequence([1, 2], [0, 1], [0.0, 0.0], "one")]
    group = RolloutGroup(
        prompts=[[{"role": "user", "content": "How?"}]] * 3, reward_kwargs={"label": ["joy"] * 3}, completions=told,
        completions_ids=[[1]] * 3, completions_sequences=[row] * 3, tool_call_counts=[0] * 3,
        tool_failure_counts=[0] * 3, model_version=0, group_id=0, env_rewards=[None] * 3, rollout_rewards=[None] * 3,
    )  # fmt: skip
    samples = asyncio.run(loop._score_group(group))
    assert [sample.metrics["rewards/brier"] for sample in samples] == pytest.approx(list(PAID.values()))
