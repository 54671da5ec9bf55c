"""The names and simple types of TRL's trainer options, read from its source text: no torch import, milliseconds.

TRL changes monthly, so the options are passed through and never mirrored; what is installed decides what is valid.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emocal_rl.suggest import did_you_mean

# algorithm -> (module file inside trl, class)
CONFIGS = {
    "sft": ("trainer/sft_config.py", "SFTConfig"),
    "grpo": ("trainer/grpo_config.py", "GRPOConfig"),
    "rloo": ("trainer/rloo_config.py", "RLOOConfig"),
    "ppo": ("trainer/grpo_config.py", "GRPOConfig"),  # ours, on TRL's GRPOTrainer
}
RL = tuple(algorithm for algorithm in CONFIGS if algorithm != "sft")
OURS = {"rloo": {"scale_rewards": "str"}}  # named as in the other algorithms, translated by us

# Options that emocal-rl sets itself, and what to do instead. Trackers (report_to, default none) stay the user's.
OWN = {
    "output_dir": "the run directory holds the checkpoints; choose it with --run-dir",
    "resume_from_checkpoint": "continue a run with: emocal-rl train --resume RUN_DIR",
    "seed": "set the recipe's own 'seed', which every stage shares",
    "num_train_epochs": "a stage is as long as max_steps says",
    "disable_tqdm": "emocal-rl draws the progress itself",
    "remove_unused_columns": "the reward needs the columns of the targets",
    "model_init_kwargs": "the model is loaded from 'model'",
    "reward_weights": "the weights are in 'reward'",
    "do_train": "training is what a stage does",
    "do_eval": "every stage is evaluated on 'evaluation.splits' when it ends",
    "do_predict": "every stage is evaluated on 'evaluation.splits' when it ends",
    "eval_strategy": "every stage is evaluated on 'evaluation.splits' when it ends",
    "hub_token": "a recipe is copied into the run directory; keep the token in the environment variable HF_TOKEN",
}

# TRL's own way to vLLM: these are replaced by `rollout`.  vllm_importance_sampling_* stay the user's.
_ROLLOUT = {
    "use_vllm": "rollout.engine",
    "vllm_mode": "rollout.engine",
    "vllm_model_impl": "rollout.options.model_impl",
    "vllm_enable_sleep_mode": "rollout.sleep",
    "vllm_server_base_url": "rollout.servers",
    "vllm_server_host": "rollout.servers",
    "vllm_server_port": "rollout.servers",
    "vllm_server_timeout": "rollout.timeout",
    "vllm_gpu_memory_utilization": "rollout.memory",
    "vllm_max_model_length": "rollout.options.max_model_len",
    "vllm_tensor_parallel_size": "rollout.options.tensor_parallel_size",
}
OWN |= {key: f"set {ours} instead" for key, ours in _ROLLOUT.items()}

SIMPLE = {"bool": (bool,), "int": (int,), "float": (int, float), "str": (str,), "dict": (dict,), "list": (list,)}
WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "dict": "a mapping",
    "list": "a list",
    "None": "null",
}


def problems(algorithm: str, trainer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, message) for every key of a `trainer:` block that TRL does not know, that is ours, or of a wrong type.

    >>> list(problems("grpo", {"output_dir": "x"}))
    [('output_dir', 'set by emocal-rl: the run directory holds the checkpoints; choose it with --run-dir')]
    >>> list(problems("grpo", {"num_generation": 4}))
    [('num_generation', "unknown key trainer.num_generation; did you mean 'num_generations'?")]
    """
    found = options(algorithm)
    known = None if found is None else found | OURS.get(algorithm, {})
    yield from passed_on("trainer", trainer, known, OWN)
    yield from _unknown_trackers(trackers(trainer.get("report_to")))


def passed_on(
    block: str, given: Mapping[str, Any], known: Mapping[str, str] | None, own: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """(key, message) for every option of a recipe's `block` that its library cannot take.

    known: name -> annotation of what the library takes; None where it is not installed. own: name -> what to do
    instead, for what emocal-rl sets itself.
    """
    for key, value in given.items():
        if key in own:
            yield key, f"set by emocal-rl: {own[key]}"
        elif known is None:
            continue
        elif key not in known:
            yield key, f"unknown key {block}.{key}{did_you_mean(key, known)}"
        elif expected := _mismatch(known[key], value):
            yield key, f"expected {expected} (got {value!r})"


def trackers(report_to: Any) -> list[str]:
    """The trackers that an option `report_to` names.

    >>> trackers(["wandb", "tensorboard"]), trackers("wandb"), trackers("none")
    (['wandb', 'tensorboard'], ['wandb'], [])
    """
    named = report_to if isinstance(report_to, list) else [report_to]
    return [name for name in named if isinstance(name, str) and name not in ("none", "all")]


@cache
def options(algorithm: str) -> dict[str, str] | None:
    """Option name -> annotation of the installed TRL's config class; None when TRL is not installed.

    >>> options("grpo")["num_generations"]
    'int | None'
    """
    trl, transformers = package_folder("trl"), package_folder("transformers")
    if trl is None or transformers is None:
        return None
    file, name = CONFIGS[algorithm]
    return (
        fields_of(transformers / "training_args.py", "TrainingArguments")
        | fields_of(trl / "trainer/base_config.py", "_BaseConfig")
        | fields_of(trl / file, name)
    )


def _unknown_trackers(named: list[str]) -> Iterator[tuple[str, str]]:
    """Those that the installed transformers cannot report to, read from its source."""
    transformers = package_folder("transformers")
    if not named or transformers is None:
        return
    text = (transformers / "integrations/integration_utils.py").read_text(encoding="utf-8")
    table = re.search(r"^INTEGRATION_TO_CALLBACK = \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    known = re.findall(r'^    "(\w+)":', table[1], re.MULTILINE) if table else named
    for name in named:
        if name not in known:
            yield "report_to", f"unknown tracker '{name}'{did_you_mean(name, known)}"


def package_folder(name: str) -> Path | None:
    """Where an installed package lies; None where it is not installed."""
    spec = find_spec(name)  # finds without importing
    return Path(spec.origin).parent if spec and spec.origin else None


def fields_of(path: Path, class_name: str) -> dict[str, str]:
    """The annotated names of one class, as `dataclasses` would see them.

    Only the part of the file from the class on is parsed, up to its first method: these files are long.
    """
    text = path.read_text(encoding="utf-8")
    start = re.search(rf"^class {class_name}\b.*\n", text, re.MULTILINE)
    if start is None:
        return {}
    end = re.compile(r"^    (?:def |@)", re.MULTILINE).search(text, start.end())
    definition = ast.parse(text[start.start() : end.start() if end else None]).body[0]
    return {
        node.target.id: ast.unparse(node.annotation)
        for node in getattr(definition, "body", [])
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def _mismatch(annotation: str, value: Any) -> str:
    """What was expected, where the annotation is made of simple types alone and the value fits none of them."""
    kinds = [part.strip().split("[")[0] for part in re.sub(r"\[[^\]]*\]", "", annotation).split("|")]
    if any(kind not in WORDS for kind in kinds) or _fits(kinds, value):
        return ""
    return " or ".join(WORDS[kind] for kind in kinds)


def _fits(kinds: list[str], value: Any) -> bool:
    if value is None:
        return "None" in kinds
    if isinstance(value, bool):  # a bool is an int in Python; scale_rewards takes one where `str` is written
        return "bool" in kinds or "str" in kinds
    return any(isinstance(value, SIMPLE[kind]) for kind in kinds if kind in SIMPLE and kind != "bool")
