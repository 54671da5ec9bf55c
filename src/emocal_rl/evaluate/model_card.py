"""The card of a finished run's model: what it is, how it was trained, how well calibrated it is, how to use it.

``README.md`` is in the form that model hubs show; ``emocal_rl.json`` beside it says how the model is to be asked, so
that the folder alone is enough for `emocal-rl predict`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emocal_rl import __version__, files
from emocal_rl.data import Row
from emocal_rl.errors import UserError
from emocal_rl.evaluate.tables import shown
from emocal_rl.yaml_load import write as write_yaml

if TYPE_CHECKING:
    from emocal_rl.recipe import Recipe, Stage

ASKED = "emocal_rl.json"
CARD = "README.md"
COLUMNS = {
    "accuracy": "accuracy ↑", "brier": "Brier ↓", "ece_10": "ECE, 10 bins ↓", "auroc": "AUROC ↑",
    "overconfidence": "mean confidence − accuracy", "parse_rate": "readable ↑",
}  # fmt: skip
ROLES = {"before": "before this stage", "after": "this model", "bayes": "best possible (Bayes)"}


def write_asked(folder: Path, recipe: Recipe, stage: Stage, row: Row) -> None:
    """How to ask the model in `folder`: format, question and candidates, as in training."""
    asked = {"format": stage.format, "question": row.question, "candidates": list(row.candidates)}
    made = {"recipe": recipe.name, "stage": stage.name, "data": recipe.data.name, "emocal_rl": __version__}
    files.write_json(folder / ASKED, asked | made)


def read_asked(folder: Path) -> dict[str, Any] | None:
    """What `write_asked` left in a model's folder; None where there is nothing.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / ASKED
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("format"), str):
        raise UserError(f"{path} is damaged; delete it, and say --question, --candidates and --format instead")
    return found


def write_card(folder: Path, recipe: Recipe, metrics: Mapping[str, Any], verdicts: Mapping[str, Sequence[str]]) -> None:
    """Write the card of the model in `folder` from what the report measured.

    verdicts: stage of reinforcement learning -> what the soundness check says of its reward.
    """
    parts = [
        _head(recipe),
        _what(recipe),
        _training(recipe, verdicts),
        _calibration(metrics),
        _use(recipe),
        _limits(metrics),
    ]
    files.write_text(folder / CARD, "\n\n".join(part for part in parts if part) + "\n")


def _head(recipe: Recipe) -> str:
    facts = {
        "library_name": "transformers",
        "base_model": recipe.model.checkpoint or recipe.model.name,
        "datasets": [recipe.data.name],
        "tags": ["emocal-rl", "calibration", "verbalized-confidence"],
    }
    return f"---\n{write_yaml(facts)}---"


def _what(recipe: Recipe) -> str:
    start = recipe.model.checkpoint or recipe.model.name
    return (
        f"# {recipe.name}\n\nAnswers a question and states how sure it is, in the format `{recipe.format}`. "
        f"Trained from `{start}` on `{recipe.data.name}` with emocal-rl {__version__}, seed {recipe.seed}."
    )


def _training(recipe: Recipe, verdicts: Mapping[str, Sequence[str]]) -> str:
    lines = ["## Training", "", "| stage | algorithm | rows | steps | learns from |", "|---|---|---|--:|---|"]
    for stage in recipe.stages:
        steps = stage.trainer.get("max_steps", 100)
        lines.append(f"| {stage.name} | {stage.algorithm} | {stage.split} | {steps} | {_teacher(stage)} |")
    for name, said in verdicts.items():
        lines += ["", f"What the check says of the reward of {name}:", "", *(f"* {line}" for line in said)]
    return "\n".join(lines)


def _teacher(stage: Stage) -> str:
    if isinstance(stage.reward, str):
        return f"published reward `{stage.reward}`"
    if stage.algorithm != "sft":
        return ", ".join(f"`{name}` {_weight(term)}" for name, term in stage.reward.items())
    return "reasoning and label" if stage.labels is None else f"confidences by {stage.labels.strategy}"


def _weight(term: float | dict[str, Any]) -> str:
    return f"{term:g}" if isinstance(term, int | float) else f"{term.get('weight', 1.0):g}"


def _calibration(metrics: Mapping[str, Any]) -> str:
    head = ["split", "who", *COLUMNS.values()]
    lines = [
        "## Calibration",
        "",
        metrics["headline"],
        "",
        f"| {' | '.join(head)} |",
        "|---" * 2 + "|--:" * len(COLUMNS) + "|",
    ]
    for name, split in metrics["splits"].items():
        rows = {key: split["systems"][key]["metrics"] for key in ROLES if key in split["systems"]}
        lines += [f"| {name} | {ROLES[key]} | {' | '.join(_cells(found))} |" for key, found in rows.items()]
    fitted = metrics["fitted_on"]
    return "\n".join([*lines, "", f"`{fitted}` is the split that choices were made on." if fitted else ""]).rstrip()


def _cells(found: Mapping[str, Any]) -> list[str]:
    return [shown(name, found.get(name, {}).get("value")) for name in COLUMNS]


def _use(recipe: Recipe) -> str:
    return (
        "## Use\n\n```\nemocal-rl predict PICTURE --model THIS_FOLDER\n```\n\n"
        f"`{ASKED}` holds the question and the candidates it was trained on; `--question` and `--candidates` change "
        "them. The confidence is about the labels above: it was not trained to hold for other questions."
    )


def _limits(metrics: Mapping[str, Any]) -> str:
    said = [*metrics["findings"], *metrics["notes"]]
    return "\n".join(["## Findings", "", *(f"* {line}" for line in said)]) if said else ""
