"""Data sets whose folders or file names are the labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emocal_rl.data.splits import named
from emocal_rl.data.taxonomy import Taxonomy
from emocal_rl.data.trees import Entry, Tree, source

SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing")


def labelled(tree: Tree, base: Path, split: str | None = None) -> Iterator[Entry]:
    """Pictures below base/LABEL or base/SPLIT/LABEL, however deep; the folder next to `base` is what counts."""
    for folder in sorted(path for path in base.iterdir() if path.is_dir()):
        if split is None and folder.name.lower() in SPLITS:
            yield from labelled(tree, folder, named(folder.name))
        elif label := tree.taxonomy.find(folder.name):
            yield from pictures_of(tree, folder, label, split)
        elif not folder.name.startswith((".", "__")):
            tree.note("folders have no label's name", folder)


def pictures_of(tree: Tree, folder: Path, label: str, split: str | None) -> Iterator[Entry]:
    """Every picture in the folder and below, with the folder's label."""
    for path in tree.pictures(folder):
        inner = path.parent.name
        if path.parent != folder and tree.taxonomy.find(inner) not in (None, label):
            tree.note(f"pictures lie in a folder of another label inside {folder.name}", path)
            continue
        yield Entry(tree.key(path), path, tree.one(label), split)


def label_folders(taxonomy: Taxonomy) -> tuple[str, ...]:
    """What may lie in the folder that holds the label folders: labels, their other spellings, splits."""
    return (*taxonomy.labels, *taxonomy.spellings, *taxonomy.aliases, *SPLITS)


def folder_tree(tree: Tree) -> Iterator[Entry]:
    """images/LABEL/..., LABEL/... or SPLIT/LABEL/..., in the root or one folder below."""
    wanted = label_folders(tree.taxonomy)
    inside = [tree.root / name for name in ("images", "image", "Images")]
    holders = [folder for folder in inside if any((folder / name).is_dir() for name in wanted)]
    return labelled(tree, holders[0] if holders else tree.base(*wanted))


@source(
    "unbiasedemo",
    "parrott6",
    "polarity",
    layout="images/EMOTION/FOLDER/*.jpg",
    published=3045,
    reference="Panda et al. (2018), UnbiasedEmo",
)
def unbiasedemo(tree: Tree) -> Iterator[Entry]:
    """Base names repeat across folders, so rows are known by their path. A test set: it has no training rows."""
    return _all_in(folder_tree(tree), "test")


@source(
    "emotion6_parrott",
    "parrott6",
    "polarity",
    layout="images/EMOTION/*.jpg",
    published=8350,
    reference="Panda et al. (2018), Emotion-6",
)
def emotion6_parrott(tree: Tree) -> Iterator[Entry]:
    """Emotion-6 of WebEmo's authors, not Cornell's Emotion6. One release has a folder anger/digust.

    Its pictures count as anger: in Parrott's tree disgust is a kind of anger, as in WebEmo's own.
    """
    return folder_tree(tree)


@source(
    "emotionroi",
    "ekman6",
    "polarity",
    layout="train/EMOTION/*.jpg and test/EMOTION/*.jpg",
    published=1980,
    reference="Peng et al. (2016), EmotionROI",
)
def emotionroi(tree: Tree) -> Iterator[Entry]:
    """Train and test folders, each with the six emotions."""
    return folder_tree(tree)


@source(
    "artphoto",
    "mikels8",
    "polarity",
    layout="EMOTION_*.jpg in one folder",
    published=806,
    reference="Machajdik and Hanbury (2010), Artphoto",
)
def artphoto(tree: Tree) -> Iterator[Entry]:
    """The label is the file name up to the underscore. A test set: it has no training rows."""
    found = 0
    for path in tree.pictures(tree.root):
        if label := tree.taxonomy.find(path.name.partition("_")[0]):
            found += 1
            yield Entry(tree.key(path), path, tree.one(label), "test")
        else:
            tree.note("pictures whose name begins with no label", path)
    if not found:
        raise tree.wrong("no picture's name begins with an emotion and an underscore")


def _all_in(entries: Iterator[Entry], split: str) -> Iterator[Entry]:
    for entry in entries:
        yield Entry(entry.key, entry.source, entry.votes, split)
