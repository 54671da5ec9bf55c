"""The report of saved completions: laid out as a run, so that `emocal-rl report` draws it again and compares it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emocal_rl import environment, files
from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError
from emocal_rl.evaluate.cells import grouped
from emocal_rl.evaluate.checkpoint import short_name
from emocal_rl.evaluate.job import WRITTEN
from emocal_rl.evaluate.page import file_name
from emocal_rl.evaluate.report import write_report
from emocal_rl.evaluate.saved import SavedRow
from emocal_rl.evaluate.score import Report, record_of
from emocal_rl.rewards.targets import mapping_of
from emocal_rl.run_info import read_info

WHOLE = "all"


def report_scores(
    report: Report, folder: Path, *, resamples: int = 2000, seed: int = 0, command: Sequence[str] = ()
) -> dict[str, Any]:
    """Write ``report.html``, ``figures/`` and what they are drawn from into ``folder``; returns what it says.

    A section for every value of the column `split` (recalibration is fitted on "validation"); without that column one
    for all rows, and one for every task where there are several. A section of several tasks has a row for each. An
    earlier report in the folder is replaced. Raises UserError for a format of your own, and for a folder that holds
    another run.
    """
    name = short_name(report.saved.path.stem)
    recipe = recipes.dump(_recipe(report, name, resamples, seed), WRITTEN)
    info = {"kind": "score", "command": list(command), "seed": seed, "scored": _scored(report)}
    _clear(folder, report.saved.path)
    _write_info(folder, info, name, "running")  # first, so that what a kill leaves is known as ours and is cleared
    names = _identities(report.saved.rows)
    for part, at in sections_of(report).items():
        members = (_record(report, i, names[i]) for i in at)
        files.write_jsonl(folder / "records" / f"{name}-{part}.jsonl", members)
    files.write_text(folder / "recipe.yaml", recipe)
    _write_info(folder, info, name, "done")
    return write_report(folder, lambda identity: None)


def _clear(folder: Path, scored: Path) -> None:
    """Remove the records of an earlier report: of another file, they would be read as another stage of this one."""
    if not (folder / "run.json").exists():
        return
    if read_info(folder).get("kind") != "score":
        raise UserError(f"score: {folder} holds another run; choose another --out")
    found = list((folder / "records").glob("*.jsonl"))
    if any(path.samefile(scored) for path in found):
        raise UserError(f"score: {scored} belongs to the report that would be replaced; choose another --out")
    for path in found:
        path.unlink()


def _write_info(folder: Path, info: Mapping[str, Any], name: str, status: str) -> None:
    stages = [{"name": name, "algorithm": "score", "status": status}]
    more = {"status": status, "stages": stages, "versions": environment.versions()}
    files.write_json(folder / "run.json", {**info, **more})


def _scored(report: Report) -> dict[str, Any]:
    """What was scored, and how it was read, in words for the report."""
    weights = " + ".join(f"{weight:g} {name}" for name, weight in report.reward.weights.items())
    return {
        "file": report.saved.path.name,
        "completions": len(report.scored),
        "format": report.reward.format.name,
        "graded by": getattr(report.reward.grader, "__name__", None),
        "reward": weights,
    }


def sections_of(report: Report) -> dict[str, Sequence[int]]:
    """Name (as part of a file name) -> rows of every section of the report."""
    rows = report.saved.rows
    if any(row.split for row in rows):
        return _named(grouped(range(len(rows)), [row.split or "no split" for row in rows]).items())
    tasks = grouped(range(len(rows)), [row.task or "no task" for row in rows])
    return _named([(WHOLE, range(len(rows))), *(tasks.items() if len(tasks) > 1 else ())])


def _named(parts: Iterable[tuple[str, Sequence[int]]]) -> dict[str, Sequence[int]]:
    """The parts under file names; two that would share one stay two."""
    found: dict[str, Sequence[int]] = {}
    for part, at in parts:
        name = file_name(part)
        while name in found:
            name += "_"
        found[name] = at
    return found


def _identities(rows: Sequence[SavedRow]) -> list[str]:
    """Further samples of a row are rows of the same cluster, their ids end in #1, #2, ..."""
    seen: Counter[tuple[str | None, str]] = Counter()
    found = []
    for row in rows:
        key = (row.split, row.id)
        found.append(f"{row.id}#{seen[key]}" if seen[key] else row.id)
        seen[key] += 1
    return found


def _record(report: Report, index: int, identity: str) -> dict[str, Any]:
    row = report.saved.rows[index]
    return record_of(row, report.scored[index]) | _counts(row.target) | {"id": identity}


def _counts(target: Mapping[str, Any]) -> dict[str, Any]:
    """Candidates and parallel votes of a row, however the file wrote its votes."""
    votes = target.get("votes")
    if not votes or isinstance(votes, list):
        return {}
    named = mapping_of(votes, "votes")
    return {"candidates": list(named), "votes": list(named.values())}


def _recipe(report: Report, name: str, resamples: int, seed: int) -> recipes.Recipe:
    tree = {"name": name, "algorithm": "sft", "split": "none", "format": report.reward.format.name, "seed": seed}
    measured: dict[str, Any] = {"splits": [], "bootstrap": resamples}  # none is named, so "validation" is fitted on
    return recipes.from_tree(tree | {"data": {"name": str(report.saved.path)}, "evaluation": measured})
