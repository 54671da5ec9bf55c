"""run.json: the command, the folder it was given in, times, status, versions, git, device, seed and stages of a run."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emocal_rl import environment
from emocal_rl.errors import NOT_HERE, UserError
from emocal_rl.suggest import did_you_mean

if TYPE_CHECKING:
    from emocal_rl.recipe import Recipe


def new_info(recipe: Recipe, command: Sequence[str]) -> dict[str, Any]:
    """The run.json of a run that starts now."""
    return {
        "command": list(command),
        "folder": working_folder(),
        "started": now(),
        "ended": None,
        "status": "running",
        **runs_on(),
        "seed": recipe.seed,
        "stages": [
            {"name": stage.name, "algorithm": stage.algorithm, "status": "pending", "seconds": None}
            for stage in recipe.stages
        ],
        "bounds": {},
    }


def runs_on() -> dict[str, Any]:
    """What decides a result beside the recipe, as it is in this process."""
    return {"versions": environment.versions(), "git": environment.git_state(), "device": environment.device()}


def changed_versions(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What the user should know about packages that are not as they were when the run started, one line each.

    >>> changed_versions({"trl": "0.1", "numpy": "2"}, {"trl": "0.2", "numpy": "2"})
    ['trl was 0.1 when the run started and is 0.2 now; results may differ']
    """
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, "absent"), after.get(name, "absent")
        if old != new:
            found.append(f"{name} was {old} when the run started and is {new} now; results may differ")
    return found


def read_info(path: Path) -> dict[str, Any]:
    """The content of a run directory's run.json; a `UserError` when `path` is not a run directory."""
    if not path.is_dir():
        near = [str(entry) for entry in path.parent.glob("*") if (entry / "run.json").exists()]
        raise UserError(f"no run directory {path}{did_you_mean(str(path), near, what='there are', most=6)}")
    if not (path / "run.json").is_file() or not (path / "recipe.yaml").is_file():
        raise UserError(f"{path} is not a run directory (it has no run.json and recipe.yaml)")
    try:
        info = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except ValueError:
        info = None
    if not isinstance(info, dict) or not {"status", "stages", "versions"} <= info.keys():
        raise UserError(f"{path / 'run.json'} is damaged; start a new run")
    return info


def recipe_of(path: Path, info: Mapping[str, Any], *, rewards: bool = True) -> Recipe:
    """The recipe of a run directory; rules and formats of one's own are looked for where the run was started as well.

    info: the content of its run.json. rewards: as `recipe.load` takes it. Raises UserError with that folder named where
    a module is in neither.
    """
    from emocal_rl import recipe as recipes

    folder = info.get("folder")
    if isinstance(folder, str) and folder not in sys.path:
        sys.path.append(folder)  # last: what is here, or installed, is what is meant
    try:
        return recipes.load(str(path / "recipe.yaml"), rewards=rewards)
    except UserError as error:
        there = f", nor in {folder}, where the run was started" if folder else ""
        lines = [f"{line}{there if NOT_HERE in line else ''}" for line in error.lines]
        raise UserError(*lines) from None


def working_folder() -> str | None:
    """The folder where one is; None when it has gone."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return None


def now() -> str:
    """The time as run.json writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
