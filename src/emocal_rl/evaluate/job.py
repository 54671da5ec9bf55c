"""Evaluate a model on data: generate, score with the same Reward call as training, write records, report.

The directory it writes is laid out as a run's, so `emocal-rl report` reads it and compares it with runs:

completions/{split}.jsonl      every completion as it came, with what identifies it; an interrupted job goes on here
records/{model}-{split}.jsonl  scored replies
recipe.yaml run.json           what was evaluated, and on what
readouts.json                  other confidences of the same answers, where several were measured
report.html metrics.json figures/
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emocal_rl import environment, files
from emocal_rl import recipe as recipes
from emocal_rl.data import DataSet
from emocal_rl.data import load as load_data
from emocal_rl.data.splits import STAGES, TRAIN
from emocal_rl.errors import UserError
from emocal_rl.evaluate.checkpoint import Checkpoint, format_of
from emocal_rl.evaluate.completions import complete_to, refuse_failure
from emocal_rl.evaluate.engines import Completion, Decoding, Engine, Request
from emocal_rl.evaluate.generate import measuring
from emocal_rl.evaluate.pictures import picture_of
from emocal_rl.evaluate.readouts import readouts, with_agreement
from emocal_rl.evaluate.report import write_report
from emocal_rl.progress import stage_progress
from emocal_rl.rewards import Reply
from emocal_rl.rewards.formats import find_format

FROM_THE_RUN = {"seed", "data", "evaluation"}
NO_TRAINING = {"algorithm": "sft", "split": "none"}  # what a recipe must have although nothing is trained
EMBEDDED = "emoji"  # the data that a recipe's defaults are for
WRITTEN = (*NO_TRAINING, "name", "format", "seed", "model", "data", "evaluation")


@dataclass(frozen=True)
class Job:
    """What to evaluate. ``recipe`` holds data, splits, limit, format, intervals and seed; ``out`` is the directory.

    run: the run directory that the model is a stage of, where it is of one; order: the names of that run's stages.
    """

    name: str
    recipe: recipes.Recipe
    out: Path
    decoding: Decoding
    samples: int = 1
    token_readouts: bool = False
    command: Sequence[str] = field(default=())
    run: Path | None = None
    order: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.samples < 1 or (self.samples > 1 and not self.decoding.temperature):
            wanted = "several samples need --temperature above 0" if self.samples > 1 else "at least one is needed"
            raise UserError(f"--samples {self.samples}: {wanted}")


def job_recipe(
    checkpoint: Checkpoint,
    *,
    data: Mapping[str, Any] | None = None,
    splits: Sequence[str] | None = None,
    limit: int | None = None,
    form: str | None = None,
    resamples: int | None = None,
    seed: int | None = None,
) -> recipes.Recipe:
    """The recipe of an evaluation: of the run's own, where there is one, what bears on it, with what was asked for.

    ``splits`` default to the run's own where the data have them all, else to all that nothing is trained on.
    Raises UserError for data or splits that are not there.
    """
    base = checkpoint.recipe
    tree: dict[str, Any] = base.model_dump(mode="json", include=FROM_THE_RUN) if base else {}
    tree |= NO_TRAINING | {"name": checkpoint.name, "format": format_of(checkpoint, form)}
    tree["data"] = dict(data or tree.get("data") or {})
    tree["model"] = {"name": checkpoint.model}
    changed = {"limit": limit, "bootstrap": resamples}
    tree["evaluation"] = tree.get("evaluation", {}) | {k: v for k, v in changed.items() if v is not None}
    tree |= {} if seed is None else {"seed": seed}
    recipe = recipes.from_tree(tree)
    known = load_data(recipe.data).splits
    own = recipe.evaluation.splits if base or recipe.data.name == EMBEDDED else ()
    chosen = list(splits or _splits(own, list(known)))
    if unknown := [s for s in chosen if s not in known]:
        raise UserError(f"--split {', '.join(unknown)}: data {recipe.data.name} has {', '.join(known)}")
    tree["evaluation"]["splits"] = chosen
    return recipes.from_tree(tree)


def _splits(own: Sequence[str], known: Sequence[str]) -> list[str]:
    """The run's own splits where the data have them, else all but those to train on; what is fitted on comes first.

    >>> _splits(["validation", "unseen_style"], ["train", "test", "validation"])
    ['validation', 'test']
    """
    if own and set(own) <= set(known):
        return list(own)
    found = [split for split in known if split not in (TRAIN, *STAGES)] or list(known)
    return sorted(found, key=lambda split: split != "validation")


def run_job(job: Job, engine: Engine) -> dict[str, Any]:
    """Complete, score and report every split; returns what ``metrics.json`` holds. The same job again resumes."""
    if job.token_readouts and not hasattr(engine, "readouts"):
        raise UserError("--readouts: the probabilities of tokens are only had from --engine hf")
    data = load_data(job.recipe.data)
    lock = begin(job)
    try:
        failed = {split: evaluate_split(job, engine, data, split) for split in job.recipe.evaluation.splits}
        finish(job, failed, data)
        metrics = write_report(job.out, _pictures(data))
        return metrics | {"failed": failed, "readouts": write_readouts(job)}
    finally:
        lock.release()


def begin(job: Job) -> files.Lock:
    """The files that make the directory readable by `report`, and a lock on it, so that nothing is answered twice.

    Raises UserError when it is something else or in use.
    """
    path = job.out / "run.json"
    if path.is_file() and not (job.out / "completions").is_dir():
        raise UserError(f"{job.out} is the directory of a training run; choose another --out")
    with files.writing(job.out):
        (job.out / "completions").mkdir(parents=True, exist_ok=True)
    lock = files.Lock(
        job.out / ".lock", lambda pid: f"{job.out} is being written by another evaluation (process {pid})"
    )
    files.write_text(job.out / "recipe.yaml", recipes.dump(job.recipe, WRITTEN))
    _write_info(job, "running", "running", {})
    return lock


def evaluate_split(job: Job, engine: Engine, data: DataSet, split: str) -> int:
    """Complete and score one split; how many rows failed. Raises UserError when all did."""
    rows = data.split(split)[: job.recipe.evaluation.limit]
    form = find_format(job.recipe.format)
    requests = [Request(row, form, repeat) for row in rows for repeat in range(job.samples)]
    path, label = job.out / "completions" / f"{split}.jsonl", f"{job.name} on {split}"
    found = complete_to(path, requests, engine, job.decoding, label=label, facts={"split": split})
    refuse_failure(found, label)
    done = [one for one in found if one.text is not None]
    files.write_jsonl(_records_path(job, split), scored_records(done, job, split, engine))
    return len(found) - len(done)


def scored_records(done: Sequence[Completion], job: Job, split: str, engine: Any) -> list[dict[str, Any]]:
    """Records of completions; a row's further samples are rows of the same cluster, their ids end in #1, #2, ..."""
    reward = measuring(job.recipe.format, job.recipe.grader)
    scored = reward([one.text for one in done], [one.request.row.target() for one in done])
    found = [
        {"id": _identity(one.request), "row": one.request.row.id, "stage": job.name, "split": split,
         "cluster": one.request.row.cluster, **one.request.row.target(), **score.record()}
        for one, score in zip(done, scored, strict=True)
    ]  # fmt: skip
    if job.token_readouts:
        found = with_token_readouts(found, done, [score.reply for score in scored], engine, f"{job.name} on {split}")
    return with_agreement(found) if job.samples > 1 else found


def with_token_readouts(
    found: Sequence[dict[str, Any]], done: Sequence[Completion], replies: Sequence[Reply], engine: Any, label: str
) -> list[dict[str, Any]]:
    """Records with the engine's readouts of the same replies."""
    rows = []
    with stage_progress(label, len(found), "readouts") as tick:
        for row, one, reply in zip(found, done, replies, strict=True):
            rows.append(row | engine.readouts(one.request, reply))
            tick(len(rows))
    return rows


def _identity(request: Request) -> str:
    return f"{request.row.id}#{request.repeat}" if request.repeat else request.row.id


def _records_path(job: Job, split: str) -> Path:
    return job.out / "records" / f"{job.name}-{split}.jsonl"


def finish(job: Job, failed: Mapping[str, int], data: DataSet) -> None:
    """Note how it went; failed rows make the stage incomplete, which the report then says."""
    count = sum(failed.values())
    status = "done" if not count else f"incomplete, {count} rows failed (run the same command again to retry them)"
    bounds = {split: data.bounds(split) for split in job.recipe.evaluation.splits}
    _write_info(job, "done", status, {"bounds": bounds, "ended": _now()})


def _write_info(job: Job, status: str, stage: str, more: Mapping[str, Any]) -> None:
    path = job.out / "run.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    stages = stages_with(job, before.get("stages", []), stage)
    info = {"command": list(job.command), "started": before.get("started", _now()), "ended": None, "status": status}
    info |= {"seed": job.recipe.seed, "decoding": asdict(job.decoding), "samples": job.samples, "stages": stages}
    info |= {"versions": environment.versions(), "git": environment.git_state(), "device": environment.device()}
    files.write_json(path, info | dict(more))


def stages_with(job: Job, earlier: Sequence[Mapping[str, Any]], status: str) -> list[Mapping[str, Any]]:
    """What was evaluated here earlier, then this; the stages of this run in its order, in whatever order they came.

    A stage names its run relative to this directory, so that both may be moved; a model of no run has None.
    """
    run = None if job.run is None else os.path.relpath(job.run.resolve(), job.out.resolve())
    own = {"name": job.name, "algorithm": "evaluation", "status": status, "run": run}
    others = [each for each in earlier if each["name"] != job.name]
    same = [each for each in others if run is not None and each.get("run") == run]
    place = {name: number for number, name in enumerate(job.order)}
    ordered = sorted([*same, own], key=lambda each: place.get(each["name"], len(place)))
    return [*(each for each in others if each not in same), *ordered]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _pictures(data: DataSet) -> Any:
    of_row = picture_of(data)
    return lambda identity: of_row(identity) or of_row(identity.rpartition("#")[0])


def write_readouts(job: Job) -> dict[str, Any]:
    """Every confidence that these answers have, measured side by side; nothing where there is only the stated one."""
    found = {
        split: readouts(files.read_jsonl(_records_path(job, split)), job.recipe.evaluation.bootstrap, job.recipe.seed)
        for split in (job.recipe.evaluation.splits if job.samples > 1 or job.token_readouts else ())
    }
    plain = {s: {k: {n: m.as_dict() for n, m in v.items()} for k, v in each.items()} for s, each in found.items()}
    if plain:
        files.write_json(job.out / "readouts.json", plain)
    return plain
