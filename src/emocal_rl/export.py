"""`emocal-rl export verl`: a recipe's RL stage for people who stay on verl: parquet files, the reward, the command."""

from __future__ import annotations

import io
import json
import pprint
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from emocal_rl import budget, data, files
from emocal_rl.data import Row
from emocal_rl.data.prompts import question
from emocal_rl.errors import UserError
from emocal_rl.preflight import grader_of, reward_of
from emocal_rl.recipe import Recipe
from emocal_rl.rewards import Preset, preset
from emocal_rl.rewards.formats import find_format

CHUNK = 500  # rows in memory at a time
TEXTS = ("judge", "aliases")
"""Fields of a target that are mappings, whose keys are the row's own."""
ESTIMATORS = {"grpo": "grpo", "rloo": "rloo"}
AGGREGATION = {
    "dapo": "token-mean",
    "bnpo": "token-mean",
    "grpo": "seq-mean-token-mean",
    "dr_grpo": "seq-mean-token-sum-norm",
}
REWARD_FILE = '''"""The reward of recipe {name}, for verl: one call reads a reply, grades it and scores it."""

from emocal_rl.adapters.core import Scorer
from emocal_rl.adapters.verl import VerlReward
from emocal_rl.rewards import Reward

TERMS = {terms}
REWARD = Reward(TERMS, format={form!r}, grader={grader!r}, floor={floor!r})

compute_score = VerlReward(Scorer(REWARD, scale="raw"))  # raw: the totals of the recipe, as they are
'''


def export_verl(recipe: Recipe, folder: Path, gpus: int = 8, embed: bool = False) -> list[str]:
    """Write train.parquet, one parquet file for each evaluation split, reward.py and run.sh; returns what to say.

    gpus: on the one machine that run.sh is for.  embed: put pictures into the parquet files, where they are files.

    Raises:
        UserError: the last stage is none that verl can train, the batches do not divide, or `folder` is in use.
    """
    problems = [*_unfit(recipe), *_uneven(recipe, gpus)]
    if folder.exists() and any(folder.iterdir()):
        problems.append(f"{folder} exists and is not empty; choose another --out")
    if problems:
        raise UserError(*problems)
    rows = data.load(recipe.data)
    splits = {"train": recipe.split} | {split: split for split in recipe.evaluation.splits}
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    counts = {
        name: write_rows(folder / f"{name}.parquet", recipe, rows.split(split), embed) for name, split in splits.items()
    }
    files.write_text(folder / "reward.py", reward_file(recipe))
    files.write_text(folder / "run.sh", command(recipe, folder.resolve(), gpus))
    return [*(f"{folder / name}.parquet: {count} rows" for name, count in counts.items()),
            f"{folder / 'reward.py'}: the reward", *_notes(recipe), f"run it: bash {folder / 'run.sh'}"]  # fmt: skip


def _unfit(recipe: Recipe) -> Iterator[str]:
    if recipe.algorithm not in ESTIMATORS:
        reason = "it is supervised" if recipe.algorithm == "sft" else "the settings of verl's critic are not written"
        yield f"export: stage {recipe.name} is {recipe.algorithm}; {reason}; export takes grpo and rloo"
    elif reward_of(recipe).needs_groups:
        yield "export: verl scores one reply at a time, and a term has a group target; set its target to outcome"


def _uneven(recipe: Recipe, gpus: int) -> Iterator[str]:
    replies = _replies(recipe, gpus)
    for what, count in zip(("a batch", "an update"), replies, strict=True):
        if count % _generations(recipe):
            yield (
                f"export: {count} replies {what} on {gpus} GPUs cannot be split into groups of {_generations(recipe)}; "
                "change --gpus, or trainer.per_device_train_batch_size"
            )


def _generations(recipe: Recipe) -> int:
    return budget.batch(recipe)[1]


def _replies(recipe: Recipe, gpus: int) -> tuple[int, int]:
    """(replies sampled at a time, replies of one update) on all GPUs."""
    options = budget.options(recipe)
    update = options["per_device_train_batch_size"] * options["gradient_accumulation_steps"] * gpus
    return budget.batch(recipe, gpus)[0], int(update)


def write_rows(path: Path, recipe: Recipe, rows: Sequence[Row], embed: bool) -> int:
    """Rows as verl reads them, a few at a time; returns how many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    embed = embed or not all(row.source is None or isinstance(row.source, Path) for row in rows)
    layout, form, count = schema(rows, embed), find_format(recipe.format), 0
    lines = (line(recipe, row, form, number, embed) for number, row in enumerate(rows))
    with pq.ParquetWriter(path, layout) as writer:
        while chunk := list(islice(lines, CHUNK)):
            writer.write_table(pa.Table.from_pylist(chunk, schema=layout))
            count += len(chunk)
    return count


def schema(rows: Iterable[Row], embed: bool) -> Any:
    """The columns of all rows: a field has to be among the first ones no more than anywhere else.

    What has other keys in every row (`TEXTS`) is JSON text, which the reward reads as well; verl wants a picture to be
    either an address or bytes, so all are embedded as soon as one is in memory.
    """
    import pyarrow as pa

    kinds: dict[str, Any] = {"candidates": pa.list_(pa.string()), "votes": pa.list_(pa.float64())}
    fields: dict[str, Any] = {"index": pa.int64(), "id": pa.string()}
    pictures = False
    for row in rows:
        fields |= {name: kinds.get(name, pa.string()) for name in row.target() if name != "label"}
        pictures = pictures or row.source is not None
    columns = {
        "data_source": pa.string(),
        "prompt": pa.list_(pa.struct({"role": pa.string(), "content": pa.string()})),
        "ability": pa.string(),
        "reward_model": pa.struct({"style": pa.string(), "ground_truth": pa.string()}),
        "extra_info": pa.struct(fields),
    }
    image = {"bytes": pa.binary()} if embed else {"image": pa.string()}
    return pa.schema(columns | ({"images": pa.list_(pa.struct(image))} if pictures else {}))


def line(recipe: Recipe, row: Row, form: Any, number: int, embed: bool) -> dict[str, Any]:
    """One row in verl's layout; the reward finds candidates and votes in extra_info."""
    mark = "" if row.source is None else "<image>"
    target = row.target()
    label = target.pop("label")
    texts = {name: json.dumps(target[name], ensure_ascii=False) for name in TEXTS if name in target}
    found = {
        "data_source": f"emocal/{Path(recipe.data.name).stem}",
        "prompt": [{"role": "user", "content": mark + question(row, form)}],
        "ability": "calibration",
        "reward_model": {"style": "rule", "ground_truth": label},
        "extra_info": {"index": number, "id": row.id, **target, **texts},
    }
    return found | {"images": [] if row.source is None else [picture(row, embed)]}


def picture(row: Row, embed: bool) -> dict[str, Any]:
    """A picture as verl takes it: the address of a file, or the bytes of a PNG."""
    if isinstance(row.source, Path) and not embed:
        return {"image": row.source.resolve().as_uri()}
    buffer = io.BytesIO()
    row.image.save(buffer, format="PNG")
    return {"bytes": buffer.getvalue()}


def reward_file(recipe: Recipe) -> str:
    """A Python file with the recipe's reward as verl's compute_score."""
    grader = "votes" if recipe.target == "annotator" and not recipe.grader else grader_of(recipe)
    paid = recipe.reward
    made = preset(paid) if isinstance(paid, str) else Preset(paid, recipe.format)
    terms = pprint.pformat(dict(made.terms), sort_dicts=False)
    return REWARD_FILE.format(name=recipe.name, terms=terms, form=recipe.format, grader=grader, floor=made.floor)


def command(recipe: Recipe, folder: Path, gpus: int) -> str:
    """The shell script that starts verl."""
    lines = [f"  {key}={shlex.quote(str(value))}" for key, value in settings(recipe, folder, gpus)]
    return "#!/bin/bash\nset -e\npython3 -m verl.trainer.main_ppo \\\n" + " \\\n".join(lines) + ' \\\n  "$@"\n'


def settings(recipe: Recipe, folder: Path, gpus: int) -> Iterable[tuple[str, Any]]:
    """verl's configuration, key by key, from the recipe's trainer options."""
    options, size = budget.options(recipe), _generations(recipe)
    batch, update = _replies(recipe, gpus)
    beta = float(options.get("beta") or 0.0)
    updates = max(1, batch // update) * int(options.get("num_iterations") or 1)
    yield "algorithm.adv_estimator", ESTIMATORS[recipe.algorithm]
    yield "algorithm.norm_adv_by_std_in_grpo", options.get("scale_rewards", "none") in ("group", True)
    yield "algorithm.use_kl_in_reward", False
    yield "data.train_files", folder / "train.parquet"
    yield "data.val_files", "[" + ",".join(str(folder / f"{split}.parquet") for split in recipe.evaluation.splits) + "]"
    yield "data.train_batch_size", batch // size
    yield "data.max_prompt_length", 4096
    yield "data.max_response_length", options.get("max_completion_length") or 256
    yield "data.filter_overlong_prompts", True
    yield "data.image_key", "images"
    yield "actor_rollout_ref.model.path", recipe.model.checkpoint or recipe.model.name
    yield "actor_rollout_ref.model.enable_gradient_checkpointing", bool(options.get("gradient_checkpointing", True))
    if lora := recipe.model.lora:
        yield "actor_rollout_ref.model.lora_rank", lora.rank
        yield "actor_rollout_ref.model.lora_alpha", int(lora.alpha)
    yield "actor_rollout_ref.actor.optim.lr", options.get("learning_rate", 1e-6)
    yield "actor_rollout_ref.actor.ppo_mini_batch_size", update // size
    yield "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu", options["per_device_train_batch_size"]
    yield "actor_rollout_ref.actor.ppo_epochs", options.get("num_iterations") or 1
    yield "actor_rollout_ref.actor.clip_ratio", options.get("epsilon", 0.2)
    yield "actor_rollout_ref.actor.loss_agg_mode", AGGREGATION.get(options.get("loss_type", "dapo"), "token-mean")
    yield "actor_rollout_ref.actor.entropy_coeff", 0
    yield "actor_rollout_ref.actor.use_kl_loss", beta > 0
    yield "actor_rollout_ref.actor.kl_loss_coef", beta
    yield "actor_rollout_ref.actor.kl_loss_type", "low_var_kl"
    yield "actor_rollout_ref.rollout.name", "vllm"
    yield "actor_rollout_ref.rollout.n", size
    yield "actor_rollout_ref.rollout.temperature", options.get("temperature", 1.0)
    yield "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu", options["per_device_train_batch_size"]
    yield "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu", options["per_device_train_batch_size"]
    yield "reward.custom_reward_function.path", folder / "reward.py"
    yield "reward.custom_reward_function.name", "compute_score"
    yield "trainer.total_training_steps", max(1, int(options.get("max_steps", 100)) // updates)
    yield "trainer.n_gpus_per_node", gpus
    yield "trainer.nnodes", 1
    yield "trainer.experiment_name", recipe.name


def _notes(recipe: Recipe) -> Iterator[str]:
    if recipe.target in ("annotator", "leave_one_annotator_out"):
        yield f"note: target {recipe.target} became votes: the same mean, without the noise of drawing"
    options = budget.options(recipe)
    for key, value in (("scale_rewards", "batch"), ("normalize_advantages", True)):
        if options.get(key) == value:
            yield (
                f"note: trainer.{key}={value} became algorithm.norm_adv_by_std_in_grpo=False, which divides by "
                "nothing: verl knows the deviation of a group, not that of a batch"
            )
    if recipe.calibration_schedule is not None:
        yield "note: calibration_schedule is left out: the weights of the reward stay as they are"
    if recipe.credit != "sequence":
        yield f"note: credit {recipe.credit} is left out: verl gives one advantage to a whole reply"
    if recipe.stages[:-1]:
        names = ", ".join(stage.name for stage in recipe.stages[:-1])
        yield f"note: verl starts at stage {recipe.name}; train {names} first and set model.checkpoint to the result"
