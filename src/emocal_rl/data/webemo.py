"""WebEmo (Panda et al., 2018): about 268,000 web pictures with 25 labels, which make 7 and 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emocal_rl.data.folders import label_folders, labelled, pictures_of
from emocal_rl.data.splits import named
from emocal_rl.data.taxonomy import TAXONOMIES, translate
from emocal_rl.data.trees import Entry, Tree, source

SPLITS = {"train": ("train25", "train"), "test": ("test25", "test"), "validation": ("val25", "val", "validation")}


@source(
    "webemo",
    "webemo25",
    "webemo7",
    "polarity",
    layout="train25.txt and test25.txt (url label) with the pictures, train25/0..24/*.jpg, or train.json and test.json",
    reference="Panda et al. (2018), WebEmo; about 268,000",
)
def webemo(tree: Tree) -> Iterator[Entry]:
    """Indices of addresses, numbered folders, or JSON with the names on all three levels: the first that is there."""
    stems = [stem for names in SPLITS.values() for stem in names]
    base = tree.base(
        *(f"{stem}{kind}" for stem in stems for kind in (".txt", ".json", "")), *label_folders(tree.taxonomy)
    )
    found = False
    for split, names in SPLITS.items():
        for stem in names:
            text, json, folder = base / f"{stem}.txt", base / f"{stem}.json", base / stem
            here = text.is_file() or json.is_file() or folder.is_dir()
            if text.is_file():
                yield from _indexed(tree, text, split)
            elif json.is_file():
                yield from _json(tree, json, split)
            elif folder.is_dir():
                yield from _numbered(tree, folder, split)
            found = found or here
            if here:
                break
    if not found:
        yield from labelled(tree, base)


def _indexed(tree: Tree, path: Path, split: str) -> Iterator[Entry]:
    """`url label_id` lines."""
    for where, cells in tree.cells(path, None):
        label = _numbered_label(tree, cells[-1]) if len(cells) == 2 else None
        if label is None:
            last = len(tree.taxonomy.labels) - 1
            tree.corrupt(where, f"expected an address and a label from 0 to {last}, got {' '.join(cells):.80}")
        elif picture := tree.named(cells[0], beside=cells[1]):
            yield Entry(tree.key(picture), picture, tree.one(label), split)


def _numbered_label(tree: Tree, text: str) -> str | None:
    labels = tree.taxonomy.labels
    return labels[int(text)] if text.isdecimal() and int(text) < len(labels) else None


def _numbered(tree: Tree, base: Path, split: str) -> Iterator[Entry]:
    """Folders 0 to 24, or with the labels' names."""
    for folder in sorted(path for path in base.iterdir() if path.is_dir()):
        label = _numbered_label(tree, folder.name) or tree.taxonomy.find(folder.name)
        if label is None:
            tree.note("folders are no label from 0 to 24", folder)
        else:
            yield from pictures_of(tree, folder, label, named(split))


def _json(tree: Tree, path: Path, split: str) -> Iterator[Entry]:
    """{image_name, label_1, label_2, label_3}: names on the levels of 2, 7 and 25; the 25 decide."""
    for where, row in tree.records(path):
        label = _finest(tree, where, row)
        if label is None:
            continue
        given = path.parent / row["image_name"]
        picture = next((one for one in (given, path.parent / "images" / row["image_name"]) if tree.has(one)), None)
        if picture := picture or tree.named(row["image_name"], beside=label):
            yield Entry(tree.key(picture), picture, tree.one(label), split)


def _finest(tree: Tree, where: str, row: Any) -> str | None:
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("image_name", "label_3")):
        tree.corrupt(where, f"expected image_name, label_1, label_2, label_3, got {row!r:.80}")
        return None
    label = tree.label(where, row["label_3"])
    for key, coarse in (("label_1", "polarity"), ("label_2", "webemo7")):
        said = row.get(key)
        if (
            label
            and isinstance(said, str)
            and TAXONOMIES[coarse].find(said) != translate("webemo25", coarse).labels[label]
        ):
            tree.note("rows whose coarser labels differ from ours: the 25 decide", f"{where} ({label}: {said})")
    return label
