from pathlib import Path
from typing import Any

import pytest

from emocal_rl import preflight
from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError

TREE: dict[str, Any] = {
    "name": "demo",
    "algorithm": "grpo",
    "split": "stage_three",
    "format": "emocaliber",
    "reward": {"correct": 1.0, "brier": 1.0},
    "trainer": {"per_device_train_batch_size": 16, "num_generations": 8},
}


def lines_of(**changes: Any) -> list[str]:
    with pytest.raises(UserError) as error:
        preflight.require(recipes.from_tree(TREE | changes))
    return error.value.lines


def test_a_good_recipe_passes() -> None:
    preflight.require(recipes.from_tree(TREE))


def test_the_report_names_rows_batches_and_verdict() -> None:
    first, batch, update, memory, judged, verdict, *_ = preflight.report(recipes.from_tree(TREE))
    assert first.startswith("demo: grpo on ")
    assert first.endswith(" rows of stage_three, format emocaliber")
    assert batch == "  batch: 2 prompts x 8 completions = 16 sampled at once by a process"
    assert update == "  update: 16 x 1 accumulated = 16 completions"
    assert memory.startswith("  memory: weights ")
    assert judged == "  judged: <reward correct=1, brier=1; format emocaliber>, credit: sequence"
    assert verdict == "  reward: sound: honesty pays most, and so does a better answer."


def test_weights_that_are_safe_only_with_credit_by_segment_are_explained() -> None:
    lines = preflight.report(recipes.from_tree(TREE | {"reward": {"correct": 1.0, "brier": 2.0}, "credit": "segment"}))
    assert any(
        "With credit: sequence they would be, and a worse answer would pay at more than 0.51" in x for x in lines
    )
    lines = preflight.report(recipes.from_tree(TREE | {"credit": "segment"}))
    assert not any("With credit: sequence" in x for x in lines)


def test_a_checkpoint_that_is_not_there() -> None:
    assert lines_of(model={"checkpoint": "runs/nosuch/models/x"}) == [
        "model runs/nosuch/models/x: there is no such folder; give a checkpoint folder, a hub id, or 'tiny'"
    ]


def test_a_tracker_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "find_spec", lambda name: None if name == "wandb" else object())
    assert lines_of(trainer=TREE["trainer"] | {"report_to": ["tensorboard", "wandb"]}) == [
        "demo: trainer.report_to: wandb is not installed; pip install 'emocal-rl[trackers]', or pip install wandb"
    ]


def test_an_unsound_reward_is_refused_with_the_way_to_allow_it() -> None:
    trainer = TREE["trainer"] | {"scale_rewards": "group"}
    assert lines_of(trainer=trainer) == [
        "demo: scale_rewards=group with 8 generations undoes honesty: a model that is 90% sure is paid most for saying "
        "99%. Set scale_rewards to none.",
        "demo: to train on this reward all the same, say allow_unsound=true",
    ]
    preflight.require(recipes.from_tree(TREE | {"trainer": trainer, "allow_unsound": True}))


def test_an_unsound_warm_start_is_refused_as_well() -> None:
    early = TREE | {"name": "early", "reward": {"correct": 1.0, "absolute": 1.0}}
    assert lines_of(warm_start=[early])[-1] == (
        "early: to train on this reward all the same, say warm_start.early.allow_unsound=true"
    )


def test_unknown_splits_are_found_before_training() -> None:
    assert lines_of(split="stage_tree", evaluation={"splits": ["validation", "unseen_stile"]}) == [
        "demo: split: data 'emoji' has no split 'stage_tree'; did you mean 'stage_three'?",
        "evaluation.splits: data 'emoji' has no split 'unseen_stile'; did you mean 'unseen_style'?",
    ]


@pytest.mark.parametrize(
    ("trainer", "problem"),
    [
        ({"num_generations": 1}, "trainer.num_generations is 1; comparing replies to a prompt takes at least 2"),
        ({"per_device_train_batch_size": 12},
         "trainer: 12 completions a batch (per_device_train_batch_size x gradient_accumulation_steps, or "
         "generation_batch_size) cannot be split into groups of num_generations=8; make it a multiple"),
        ({"per_device_train_batch_size": 3, "gradient_accumulation_steps": 4, "num_generations": 8},
         "trainer: 12 completions a batch (per_device_train_batch_size x gradient_accumulation_steps, or "
         "generation_batch_size) cannot be split into groups of num_generations=8; make it a multiple"),
        ({"generation_batch_size": 20},
         "trainer: 20 completions a batch (per_device_train_batch_size x gradient_accumulation_steps, or "
         "generation_batch_size) cannot be split into groups of num_generations=8; make it a multiple"),
        ({"scale_rewards": "grup"}, "scale_rewards: unknown 'grup'"),
    ],
)  # fmt: skip
def test_batches_that_do_not_work_out(trainer: dict[str, Any], problem: str) -> None:
    (line,) = lines_of(trainer=trainer)
    assert line.startswith(f"demo: {problem}")


@pytest.mark.parametrize("trainer", [
    {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2},  # 4 x 2 = 8 = one prompt x 8
    {"per_device_train_batch_size": 1, "steps_per_generation": 8},
    {"generation_batch_size": 24, "num_generations": 4},
    {"num_generations": None},  # TRL's default of 8
])  # fmt: skip
def test_batches_that_do(trainer: dict[str, Any]) -> None:
    preflight.require(recipes.from_tree(TREE | {"trainer": trainer}))


@pytest.mark.parametrize(("target", "right"), [("votes", 0.25), ("majority", 0.0), ("annotator", 0.0)])
def test_the_target_decides_the_grader(target: str, right: float) -> None:
    reward = preflight.reward_of(recipes.from_tree(TREE | {"target": target}))
    text = reward.format.write(dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "x"), "b", 0.5)
    (scored,) = reward([text], [{"candidates": ["a", "b"], "votes": [3, 1], "label": "a"}])
    assert scored.correct == right


def test_the_report_ends_with_what_each_normalisation_would_pay_for() -> None:
    title, head, *table = preflight.report(recipes.from_tree(TREE))[-10:]
    assert title.startswith(
        "  what a model that is this sure is paid most for saying, by how advantages are normalised"
    )
    assert head.startswith("    scale_rewards  generations  10%")
    assert [line.split()[0] for line in table] == ["none", "batch", "group", "per_reward", "rank", *["group"] * 3]


@pytest.mark.parametrize("config", ["fsdp2", "deepspeed_zero3", "mine"])
def test_a_divided_model_is_not_folded_or_kept_by_one_process(
    config: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(preflight, "gpus", lambda: 8)
    monkeypatch.setattr(preflight, "find_spec", lambda name: object())
    if config == "mine":
        config = str(tmp_path / "mine.yaml")
        Path(config).write_text("distributed_type: FSDP")
    launch, instead = {"processes": 8}, "set launch.accelerate_config=deepspeed_zero2, or leave it out"
    changes = {"model": {"lora": {}}, "early_stop": {}}
    assert lines_of(launch=launch | {"accelerate_config": config}, **changes) == [
        f"model.lora: one process folds the adapters in, and {config} gives it a part of the weights; {instead}",
        f"demo: early_stop: one process keeps the best model, and {config} gives it a part; {instead}",
    ]
    preflight.require(recipes.from_tree(TREE | {"launch": launch | {"accelerate_config": config}}))
    preflight.require(recipes.from_tree(TREE | changes | {"launch": launch | {"accelerate_config": "deepspeed_zero2"}}))


@pytest.mark.parametrize(("text", "said"), [("{", "is not YAML: while parsing"), ("a", "is not a configuration of")])
def test_a_configuration_that_is_none(text: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preflight, "gpus", lambda: 8)
    (tmp_path / "mine.yaml").write_text(text)
    (line,) = lines_of(launch={"accelerate_config": str(tmp_path / "mine.yaml")})
    assert line.startswith(f"launch.accelerate_config: {tmp_path / 'mine.yaml'} {said}")


@pytest.mark.parametrize("engine", ["vllm-colocate", "vllm-server"])
def test_packed_weights_cannot_be_sent_to_vllm(engine: str) -> None:
    rollout = {"engine": engine, "servers": ["http://here:1"] if engine == "vllm-server" else []}
    assert lines_of(model={"bits": 4, "lora": {}}, rollout=rollout) == [
        f"demo: rollout.engine: weights of model.bits=4 stay packed, and {engine} cannot take them; set "
        "rollout.engine=hf, or leave model.bits out"
    ]
    preflight.require(recipes.from_tree(TREE | {"model": {"bits": 8, "lora": {}}, "rollout": {"engine": "auto"}}))
