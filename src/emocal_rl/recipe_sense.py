"""What makes no sense in a recipe of the right shape: keys that exclude each other, names that nothing has."""

from collections.abc import Iterator
from typing import Any

from emocal_rl import rollout_keys, trainer_keys
from emocal_rl.errors import UserError
from emocal_rl.recipe_errors import Where, line
from emocal_rl.yaml_load import Path

# trainer options that keep a proper rule from staying proper, whatever the reward, and their harmless values
BENDING = {
    "multi_objective_aggregation": "normalize_then_sum divides by the group's deviation, and there is one reward here; "
    "remove the key",
    "reward_clip_range": "cutting the reward flattens its rule; remove the key, and bound the reward by its weights",
}
UNBENT = (None, "sum_then_normalize")


def problems(tree: Any, where: Where, *, rewards: bool = True) -> list[str]:
    """One line per problem with names of terms, formats, trainer options and stages.

    Looks at plain data, so that these problems are found together with those of the schema; what has the wrong shape is
    left to the schema. rewards: whether rules, formats and graders have to be found.
    """
    if not isinstance(tree, dict):
        return []
    warm = tree.get("warm_start")
    stages: list[tuple[Path, Any]] = [
        (("warm_start", i), s) for i, s in enumerate(warm if isinstance(warm, list) else [])
    ]
    stages = [(at, stage) for at, stage in [*stages, ((), tree)] if isinstance(stage, dict)]
    found = [((*at, *path), message) for at, stage in stages for path, message in _stage_problems(stage, rewards)]
    names = [stage.get("name") for _, stage in stages]
    for index, (at, stage) in enumerate(stages[:-1]):
        if stage.get("name") is not None and stage.get("name") in names[index + 1 :]:
            found.append(((*at, "name"), f"two stages are called '{stage.get('name')}'; rename one"))
    return [line(where, path, _with_key(path, message)) for path, message in found]


def _with_key(path: Path, message: str) -> str:
    return message if message.startswith("unknown key ") else f"{'.'.join(map(str, path))}: {message}"


def _stage_problems(stage: dict[str, Any], rewards: bool) -> Iterator[tuple[Path, str]]:
    algorithm, reward, trainer = stage.get("algorithm"), stage.get("reward", {}), stage.get("trainer", {})
    if algorithm == "sft" and reward:
        yield ("reward",), "sft imitates and has no reward; remove the key, or set algorithm: grpo"
    if algorithm in trainer_keys.RL and not reward:
        yield ("reward",), f"{algorithm} needs a reward, for example reward: {{correct: 1.0, brier: 1.0}}"
    if algorithm in trainer_keys.RL and stage.get("labels") is not None:
        yield ("labels",), "only sft imitates confidence labels; remove the key"
    if algorithm == "sft" and stage.get("credit", "sequence") != "sequence":
        yield ("credit",), "sft imitates and credits nothing; remove the key"
    for key, none in (("digit_entropy", "0"), ("exact_answer", "false")):
        if stage.get(key) and stage.get("credit") != "exact":
            yield (key,), f"only credit: exact has it; set {key} to {none}, or credit to exact"
    yield from _unused(algorithm, stage)
    yield from _rollout_problems(algorithm, stage.get("rollout"))
    yield from _ahead_problems(stage.get("rollout"), trainer)
    yield from _advantage_problems(algorithm, stage.get("credit", "sequence"), trainer)
    yield from _step_problems(trainer)
    if rewards:
        yield from _reward_problems(stage.get("format"), reward)
        yield from _grader_problems(stage.get("grader"))
        yield from _judge_problems(stage)
    if algorithm in trainer_keys.CONFIGS and isinstance(trainer, dict):
        yield from ((("trainer", key), message) for key, message in trainer_keys.problems(algorithm, trainer))


def _unused(algorithm: Any, stage: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Keys that say nothing beside the stage's others."""
    given = {key for key, value in stage.items() if value is not None}
    if "segment_weights" in given and stage.get("credit", "sequence") == "sequence":
        yield ("segment_weights",), "credit: sequence has one segment; remove the key, or set credit: segment"
    if "judge_errors" in given and stage.get("target") != "judge":
        yield ("judge_errors",), "only target: judge has it; remove the key, or set target: judge"
    for key in given & {"early_stop", "calibration_schedule"} if algorithm == "sft" else ():
        yield (key,), "only reinforcement learning has it; remove the key"
    if "ppo" in given and algorithm != "ppo":
        yield ("ppo",), "only algorithm: ppo has it; remove the key"


def _rollout_problems(algorithm: Any, rollout: Any) -> Iterator[tuple[Path, str]]:
    """Where an engine is asked for what only another one has."""
    if rollout is None or not isinstance(rollout, dict):
        return
    if algorithm == "sft":
        yield ("rollout",), "sft imitates and samples nothing; remove the key"
        return
    engine, servers = rollout.get("engine", "auto"), rollout.get("servers")
    if engine == "vllm-server" and not servers:
        yield ("rollout", "servers"), "vllm-server needs an address, for example servers: [http://localhost:8000]"
    if engine != "vllm-server" and servers:
        yield ("rollout", "servers"), f"only engine: vllm-server has servers (got engine: {engine})"
    for url in servers if isinstance(servers, list) else ():
        if not str(url).startswith(("http://", "https://")):
            yield ("rollout", "servers"), f"expected addresses such as http://localhost:8000 (got {url!r})"
    options = rollout.get("options")
    if options and engine in ("hf", "vllm-server"):
        yield ("rollout", "options"), f"only engine: vllm-colocate has them (got engine: {engine})"
    elif isinstance(options, dict):
        yield from ((("rollout", "options", key), message) for key, message in rollout_keys.problems(options))


def _ahead_problems(rollout: Any, trainer: Any) -> Iterator[tuple[Path, str]]:
    """Sampling ahead needs a sampler of its own, and the correction for replies of older weights."""
    if not isinstance(rollout, dict) or not rollout.get("ahead"):
        return
    if (engine := rollout.get("engine", "auto")) != "vllm-server":
        yield ("rollout", "ahead"), f"only engine: vllm-server samples while the trainer learns (got engine: {engine})"
    if isinstance(trainer, dict) and trainer.get("vllm_importance_sampling_correction") is False:
        yield (
            ("rollout", "ahead"),
            "replies of older weights need the importance correction; remove "
            "trainer.vllm_importance_sampling_correction, or set ahead: 0",
        )


def _advantage_problems(algorithm: Any, credit: Any, trainer: Any) -> Iterator[tuple[Path, str]]:
    """What rloo and ppo cannot do, and options that bend a rule."""
    if algorithm not in trainer_keys.RL or not isinstance(trainer, dict):
        return
    known = trainer_keys.options(algorithm) or {}
    for key, message in BENDING.items():
        if key in known and trainer.get(key) not in UNBENT:
            yield ("trainer", key), message
    if algorithm == "rloo" and credit != "sequence":
        yield ("credit",), "rloo credits whole replies; set credit: sequence, or algorithm: grpo"
    scale = trainer.get("scale_rewards", "none")
    if algorithm != "grpo" and scale not in ("none", "batch", False):
        yield (
            ("trainer", "scale_rewards"),
            f"{algorithm} has none and batch (got {scale!r}); group needs algorithm: grpo",
        )


def _step_problems(trainer: Any) -> Iterator[tuple[Path, str]]:
    """A stage is as long as its steps: what transformers makes of none, or of -1, is no training."""
    steps = trainer.get("max_steps", 1) if isinstance(trainer, dict) else 1
    if isinstance(steps, int) and not isinstance(steps, bool) and steps < 1:
        yield ("trainer", "max_steps"), f"expected at least 1 (got {steps})"


def _grader_problems(grader: Any) -> Iterator[tuple[Path, str]]:
    from emocal_rl.rewards.graders.core import find_grader

    try:
        if isinstance(grader, str):
            find_grader(grader)
    except UserError as error:
        yield ("grader",), str(error)


def _judge_problems(stage: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Grades corrected for a judge's errors are right on average and may be negative: no shares can be made of them."""
    from emocal_rl.rewards.formats import find_format

    errors, form = stage.get("judge_errors"), stage.get("format")
    if stage.get("target") != "judge" or not isinstance(errors, dict) or not any(errors.values()):
        return
    try:
        states = find_format(form).states if isinstance(form, str) else ""
    except UserError:
        return  # the format is complained about already
    if states == "distribution":
        yield (
            ("judge_errors",),
            f"format '{form}' is scored against shares of the labels, and grades corrected for a judge's errors may be "
            "negative; remove the key to take the judge's word, or set a format that states one confidence, such as "
            "emocaliber",
        )


def _reward_problems(form: Any, reward: Any) -> Iterator[tuple[Path, str]]:
    from emocal_rl.rewards.formats import find_format
    from emocal_rl.rewards.reward import Reward

    if not isinstance(form, str):
        return
    try:
        found = find_format(form)
    except UserError as error:
        yield ("format",), str(error)
        return
    if isinstance(reward, str):
        yield from _preset_problems(reward)
    for name, term in reward.items() if isinstance(reward, dict) else ():
        if not isinstance(term, int | float | dict):
            continue
        try:
            Reward({name: term}, format=found, grader="label")
        except UserError as error:
            yield ("reward", name), str(error).removeprefix(f"reward.{name}: ")


def _preset_problems(name: str) -> Iterator[tuple[Path, str]]:
    from emocal_rl.rewards.presets import preset

    try:
        preset(name)
    except UserError as error:
        yield ("reward",), str(error)
