"""What is evaluated: a run directory's finished stage, a checkpoint folder, a hub id, or the embedded model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError
from emocal_rl.evaluate.model_card import read_asked
from emocal_rl.rewards import FORMATS
from emocal_rl.rewards.formats import find_format
from emocal_rl.run_info import read_info, recipe_of
from emocal_rl.suggest import did_you_mean


@dataclass(frozen=True)
class Checkpoint:
    """A model and how it is called in records and file names; ``run`` and ``recipe`` where it comes from a run.

    question, candidates: what a model's folder says about how it was asked in training; None where it says nothing.
    """

    model: str
    name: str
    form: str | None = None
    run: Path | None = None
    recipe: recipes.Recipe | None = None
    question: str | None = None
    candidates: tuple[str, ...] | None = None


def find_checkpoint(model: str, stage: str | None = None) -> Checkpoint:
    """The checkpoint of a model name, or of a run directory: its last finished stage, or the one named.

    Raises UserError for a run without a finished stage, an unknown stage, a stage for what is no run, and a path that
    leads nowhere.
    """
    path = Path(model)
    if not (path / "run.json").is_file():
        if stage is not None:
            raise UserError(f"--stage {stage}: {model} is not a run directory, so it has no stages")
        if model.startswith(("/", "./", "../", "~")) and not path.exists():
            raise UserError(f"{model}: no such folder; give a run directory, a model's folder, tiny or a hub id")
        asked = read_asked(path)
        if asked is None:
            return Checkpoint(model, short_name(model))
        candidates = tuple(map(str, asked.get("candidates") or ()))
        return Checkpoint(model, short_name(model), asked["format"], None, None, asked.get("question"), candidates)
    recipe = recipe_of(path, read_info(path), rewards=False)
    forms = {s.name: s.format for s in recipe.stages if (path / "models" / s.name / "config.json").is_file()}
    if not forms:
        raise UserError(f"{path}: no stage of this run is finished; continue it: emocal-rl train --resume {path}")
    chosen = stage or list(forms)[-1]
    if chosen not in forms:
        raise UserError(f"--stage {stage}: no such finished stage in {path}{did_you_mean(chosen, forms)}")
    return Checkpoint(str(path / "models" / chosen), chosen, forms[chosen], path, recipe)


def short_name(model: str) -> str:
    """A name for files: the last part of a path or hub id, without characters that folders do not like.

    >>> short_name("Qwen/Qwen2.5-VL-7B-Instruct"), short_name("my model/")
    ('Qwen2.5-VL-7B-Instruct', 'my_model')
    """
    last = model.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9_.-]", "_", last).lstrip("_.-") or "model"


def format_of(checkpoint: Checkpoint, wanted: str | None) -> str:
    """The format to ask for: the one wanted, the stage's own, else emocaliber. Raises UserError for an unknown name."""
    name = wanted or checkpoint.form or "emocaliber"
    if ":" not in name and name not in FORMATS:
        raise UserError(f"--format {name}: no such format{did_you_mean(name, FORMATS, most=30)}")
    find_format(name)  # raises what keeps one's own from being found
    return name
