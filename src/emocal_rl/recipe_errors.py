"""What is wrong with a recipe, in a newcomer's words: `file:line: what, and what to do`."""

import types
from collections.abc import Callable, Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from emocal_rl import rollout_keys, trainer_keys
from emocal_rl.errors import UserError
from emocal_rl.suggest import closest, did_you_mean
from emocal_rl.yaml_load import Path

Where = Callable[[Path], str]

EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "string": "a text",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
}
BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}

# trainer options that keep a proper rule from staying proper, whatever the reward, and their harmless values
BENDING = {
    "multi_objective_aggregation": "normalize_then_sum divides by the group's deviation, and there is one reward here; "
    "remove the key",
    "reward_clip_range": "cutting the reward flattens its rule; remove the key, and bound the reward by its weights",
}
UNBENT = (None, "sum_then_normalize")


def nowhere(path: Path) -> str:
    """The place of a key that was not read from a file."""
    return ""


def line(where: Where, path: Path, message: str) -> str:
    """One error line: the place, when it is known, then the message."""
    place = where(path)
    return f"{place}: {message}" if place else message


# Shape: what pydantic found


def explain(error: ValidationError, tree: Any, root: type[BaseModel], where: Where) -> list[str]:
    """One line per problem of shape."""
    found: dict[Path, list[Any]] = {}
    for item in error.errors(include_url=False):
        found.setdefault(_path_in(tree, item["loc"], item["type"]), []).append(item)
    # of the branches of a union, the one that got further is the one that was meant
    meant = {path: items for path, items in found.items() if not any(_inside(other, path) for other in found)}
    return [line(where, path, _message(path, items, root)) for path, items in meant.items()]


def _inside(path: Path, outer: Path) -> bool:
    return len(path) > len(outer) and path[: len(outer)] == outer


def by_line(text: str) -> tuple[bool, str, int]:
    """Sort key of error lines: by file and line; overrides, which have none, last."""
    file, _, rest = text.partition(":")
    number, _, _ = rest.partition(":")
    return (text.startswith("override "), file, int(number) if number.isdecimal() else 0)


def _path_in(tree: Any, loc: tuple[int | str, ...], kind: str) -> Path:
    """`loc` without the branch names pydantic adds for unions: steps that exist in the data, or the missing key."""
    path: Path = ()
    for position, step in enumerate(loc):
        exists = step in tree if isinstance(tree, dict) else isinstance(tree, list) and isinstance(step, int)
        if exists:
            tree, path = tree[step], (*path, step)
        elif kind == "missing" and position == len(loc) - 1:
            path = (*path, step)
    return path


def _message(path: Path, items: list[Any], root: type[BaseModel]) -> str:
    name, item = ".".join(map(str, path)), items[0]
    if item["type"] == "extra_forbidden":
        return f"unknown key {name}{_suggest_key(path, root)}"
    if item["type"] == "missing":
        field = _model_at(path[:-1], root).model_fields[str(path[-1])]
        return f"missing key {name}: {field.description}"
    if item["type"] == "string_pattern_mismatch":
        return f"{name}: use letters, digits, '_', '-' and '.' only (got {item['input']!r})"
    expected = " or ".join(dict.fromkeys(_expected(each) for each in items))
    subject = f"{name}: " if name else "the recipe: "
    return f"{subject}expected {expected} (got {_shown(item['input'])}){_suggest_value(items)}"


def _expected(item: Any) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "literal_error":
        return str(context["expected"])
    if kind in BOUNDS:
        words, key = BOUNDS[kind]
        return f"{words} {context[key]:g}"
    return EXPECTED.get(kind.split("_")[0], str(item["msg"]).lower())


def _shown(value: Any) -> str:
    text = {None: "nothing", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else repr(value)
    return text if text is not None and len(text) <= 60 else f"{text!s:.57}..."


def _suggest_value(items: list[Any]) -> str:
    for item in items:
        if item["type"] == "literal_error" and isinstance(item["input"], str):
            choices = [word.strip("' ") for word in item["ctx"]["expected"].replace(" or ", ",").split(",")]
            if near := closest(item["input"], choices):
                return f"; did you mean '{near}'?"
    return ""


def _suggest_key(path: Path, root: type[BaseModel]) -> str:
    """The nearest key at this place; else the place where this very key, or one like it, belongs."""
    key, here = str(path[-1]), _model_at(path[:-1], root)
    if near := closest(key, here.model_fields):
        return f"; did you mean '{near}'?"
    if len(path) > 1 and key in root.model_fields:
        return f"; '{key}' belongs at the top of the recipe" if key not in here.model_fields else ""
    for name, field in here.model_fields.items():
        part = _part_of(field.annotation)
        if part is not None and get_origin(field.annotation) is not list and key in part.model_fields:
            return f"; did you mean '{name}.{key}'?"
    if "trainer" in here.model_fields and key in (trainer_keys.options("grpo") or {}):
        return f"; did you mean 'trainer.{key}'?"
    return did_you_mean(key, here.model_fields, what="the keys here are", most=20)


def _model_at(path: Path, root: type[BaseModel]) -> type[BaseModel]:
    model = root
    for step in path:
        field = model.model_fields.get(str(step))
        model = (_part_of(field.annotation) if field else None) or model
    return model


def _part_of(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Part`, `Part | None` or `list[Part]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, list):
        return next((part for each in get_args(annotation) if (part := _part_of(each))), None)
    return None


# Sense: what the schema cannot say


def sense(tree: Any, where: Where) -> list[str]:
    """One line per problem with names of terms, formats, trainer options and stages.

    Looks at plain data, so that these problems are found together with those of the schema; what has the wrong shape is
    left to the schema.
    """
    if not isinstance(tree, dict):
        return []
    warm = tree.get("warm_start")
    stages: list[tuple[Path, Any]] = [
        (("warm_start", i), s) for i, s in enumerate(warm if isinstance(warm, list) else [])
    ]
    stages = [(at, stage) for at, stage in [*stages, ((), tree)] if isinstance(stage, dict)]
    found = [((*at, *path), message) for at, stage in stages for path, message in _stage_problems(stage)]
    names = [stage.get("name") for _, stage in stages]
    for index, (at, stage) in enumerate(stages[:-1]):
        if stage.get("name") in names[index + 1 :]:
            found.append(((*at, "name"), f"two stages are called '{stage.get('name')}'; rename one"))
    return [line(where, path, _with_key(path, message)) for path, message in found]


def _with_key(path: Path, message: str) -> str:
    return message if message.startswith("unknown key ") else f"{'.'.join(map(str, path))}: {message}"


def _stage_problems(stage: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    algorithm, reward, trainer = stage.get("algorithm"), stage.get("reward", {}), stage.get("trainer", {})
    if algorithm == "sft" and reward:
        yield ("reward",), "sft imitates and has no reward; remove the key, or set algorithm: grpo"
    if algorithm in trainer_keys.RL and not reward:
        yield ("reward",), f"{algorithm} needs a reward, for example reward: {{correct: 1.0, brier: 1.0}}"
    if algorithm in trainer_keys.RL and stage.get("labels") is not None:
        yield ("labels",), "only sft imitates confidence labels; remove the key"
    if algorithm == "sft" and stage.get("credit", "sequence") != "sequence":
        yield ("credit",), "sft imitates and credits nothing; remove the key"
    for key in ("digit_entropy", "exact_answer"):
        if stage.get(key) and stage.get("credit") != "exact":
            yield (key,), "only credit: exact has it; remove the key, or set credit: exact"
    yield from _unused(algorithm, stage)
    yield from _rollout_problems(algorithm, stage.get("rollout"))
    yield from _ahead_problems(stage.get("rollout"), trainer)
    yield from _advantage_problems(algorithm, stage.get("credit", "sequence"), trainer)
    yield from _reward_problems(stage.get("format"), reward)
    yield from _grader_problems(stage.get("grader"))
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


def _grader_problems(grader: Any) -> Iterator[tuple[Path, str]]:
    from emocal_rl.rewards.graders.core import find_grader

    try:
        if isinstance(grader, str):
            find_grader(grader)
    except UserError as error:
        yield ("grader",), str(error)


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
