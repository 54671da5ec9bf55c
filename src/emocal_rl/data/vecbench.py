"""VECBench and VEC-CoT (Wu et al., arXiv 2512.15528, 2025), from the folder that the hub's `wudq/VECBench` unpacks to.

VECBench: a table of nine tasks, or the test file of the evaluation code.  VEC-CoT: one JSONL file a stage, with
reasoning, answer and, in stage two, a confidence.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from emocal_rl.data import jsonl
from emocal_rl.data.chat import other_names
from emocal_rl.data.rows import Row
from emocal_rl.data.spec import SHOWN, DataSpec, excluded, question_for
from emocal_rl.data.splits import STAGES, TRAIN, named, with_stages
from emocal_rl.data.taxonomy import TAXONOMIES
from emocal_rl.data.trees import MISSING, Tree
from emocal_rl.errors import UserError

TABLE = "VECBench/test_metadata.csv or test_metadata.csv (task, split, image_path, label)"
COT = "VEC-CoT/stage1_86k.jsonl, stage2_43k_w_conf.jsonl and stage3_14k.jsonl"
TEST_FILE = "test_8k.jsonl"
OTHER = "rows of other tasks are left out"

Splits = dict[str, Sequence[Row]]

TASKS: Mapping[str, str] = MappingProxyType(
    {
        "EmoSet-8": "mikels8", "FI-8": "mikels8", "WebEmo-7": "webemo7", "WebEmo-25": "webemo25", "FI-2": "polarity",
        "WebEmo-2": "polarity", "UnbiasedEmo-6": "parrott6", "Abstract-8": "mikels8", "Artphoto-8": "mikels8",
    }
)  # fmt: skip
"""Tasks of VECBench -> taxonomy."""

_TASK_OF = {task.lower(): task for task in TASKS} | {"unbaisedemo-6": "UnbiasedEmo-6", "emoset": "EmoSet-8"}


def task_name(name: object) -> str | None:
    """A task as VECBench writes it, or None.

    >>> task_name("unbaisedemo-6"), task_name("FI-8"), task_name("MNIST")
    ('UnbiasedEmo-6', 'FI-8', None)
    """
    return _TASK_OF.get(str(name).strip().lower())


def load(spec: DataSpec) -> tuple[Splits, list[str]]:
    """`test` and one split a task, such as `FI-8`; `train` and its stages where there is a training table.

    Raises UserError for a folder without the table, and for rows of it that cannot be used, by line.
    """
    tree = Tree("vecbench", spec.root, f"{TABLE} or {TEST_FILE}", TAXONOMIES["mikels8"])
    if tables := sorted(tree.root.rglob("*_metadata.csv")):
        rows = [pair for table in tables for pair in _table(tree, table, spec)]
        _refuse(tree, len(rows))
        return _by_task(rows), tree.notes()
    if files := sorted(tree.root.rglob(TEST_FILE)):
        found = jsonl.load(files[0], spec, folders=_near(files[0], tree.root), split="test")["test"]
        return _by_task([("test", row) for row in found]), tree.notes()
    raise tree.wrong("it has no such file")


def load_cot(spec: DataSpec) -> tuple[Splits, list[str]]:
    """`stage_one`, `stage_two`, `stage_three`, and VECBench's test splits where its table is there too.

    Raises UserError for a folder without the files, and for rows that cannot be used, by line.
    """
    tree = Tree("vec_cot", spec.root, COT, TAXONOMIES["mikels8"])
    found: Splits = {}
    for number, stage in enumerate(STAGES, 1):
        files = sorted(tree.root.rglob(f"stage{number}*.jsonl"))
        if not files:
            tree.note("files of a stage are missing", f"stage{number}_*.jsonl")
            continue
        found |= jsonl.load(files[0], spec, folders=_near(files[0], tree.root), split=stage)
    if not found:
        raise tree.wrong("no file in it is named stage1*.jsonl, stage2*.jsonl or stage3*.jsonl")
    if sorted(tree.root.rglob("test_metadata.csv")) or sorted(tree.root.rglob(TEST_FILE)):
        tests, notes = load(spec)
        found |= {name: rows for name, rows in tests.items() if name not in (*STAGES, TRAIN)}
        return found, tree.notes() + notes
    tree.note("test table is missing, so there is nothing to evaluate on", "VECBench/test_metadata.csv")
    return found, tree.notes()


def _near(file: Path, root: Path) -> tuple[Path, ...]:
    """Where relative pictures may be: the root, the file's folder, the folder above it, VECBench beside it."""
    return (root, file.parent, file.parent.parent, root / "VECBench", file.parent.parent / "VECBench")


def _table(tree: Tree, path: Path, spec: DataSpec) -> list[tuple[str, Row]]:
    """(split, row) of one table; what cannot be used is noted in the tree."""
    found, without = [], excluded(spec)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        if missing := [
            name for name in ("task", "split", "image_path", "label") if name not in (reader.fieldnames or ())
        ]:
            raise UserError(f"{path}:1: no column {', '.join(missing)}; it has {', '.join(reader.fieldnames or ())}")
        for line in reader:
            row = _row(tree, f"{path}:{reader.line_num}", path, line, spec)
            if row is not None and without.isdisjoint((row.id, row.cluster)):
                found.append((named(line["split"]), row))
    return found


def _row(tree: Tree, where: str, table: Path, line: dict[str, str], spec: DataSpec) -> Row | None:
    if any(line[name] is None for name in ("task", "split", "image_path", "label")):
        tree.corrupt(where, "the line has too few columns")
        return None
    task = task_name(line["task"])
    if task is None:
        tree.note(OTHER, f"{where} ({line['task']})")
        return None
    known = TAXONOMIES[TASKS[task]]
    label = tree.label(where, line["label"], known)
    places = [folder / line["image_path"] for folder in _near(table, tree.root)]
    picture = next((place for place in places if tree.has(place)), None)
    if label is None or picture is None:
        if label:
            tree.note(MISSING, places[0])
        return None
    return Row(
        id=f"{task}/{line['image_path']}",
        source=picture,
        question=spec.question or question_for(known.labels),
        candidates=known.labels,
        votes=tuple(int(each == label) for each in known.labels),
        cluster=line["image_path"],
        style=task,
        aliases=other_names(known.labels, ()),
    )


def _refuse(tree: Tree, found: int) -> None:
    missing = tree.odd[MISSING]
    if tree.problems:
        raise UserError(*tree.problems[:SHOWN])
    if missing > found:
        raise tree.wrong(f"{missing} of {missing + found} pictures are missing, for example {tree.examples[MISSING]}")


def _by_task(rows: list[tuple[str, Row]]) -> Splits:
    """Rows by split, and the test rows by task as well."""
    found: dict[str, list[Row]] = {}
    for split, row in rows:
        found.setdefault(split, []).append(row)
        if split == "test" and row.style:
            found.setdefault(task_name(row.style) or row.style, []).append(row)
    return {**with_stages(found)}
