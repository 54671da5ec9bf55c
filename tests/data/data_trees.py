"""Small trees in the exact layouts of the published data sets, their oddities included."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

from PIL import Image

MIKELS = ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness")
_shade = count()


def picture(path: Path) -> Path:
    """A small picture that differs from all others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shade = next(_shade)
    image = Image.new("RGB", (9, 7), (shade % 256, shade // 256 % 256, 7))
    image.save(path, format="PNG")  # lossless, whatever the suffix says: Pillow looks inside
    return path


def broken(path: Path) -> Path:
    """A picture whose transfer broke off."""
    data = picture(path).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def lines(path: Path, rows: Iterable[str], newline: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(row + newline for row in rows), "utf-8", newline="")
    return path


def jsonl(path: Path, rows: Iterable[Any]) -> Path:
    return lines(path, (json.dumps(row) for row in rows))


def emoset(root: Path, columns: int = 4) -> Path:
    """EmoSet-118K, sixteen training pictures and four each of validation and test."""
    for name, size in (("train", 16), ("val", 4), ("test", 4)):
        rows = []
        for number in range(size):
            emotion = MIKELS[number % 8]
            key = f"{emotion}_{name}{number:03d}"
            picture(root / f"image/{emotion}/{key}.jpg")
            note = {"image_id": key, "emotion": emotion, "brightness": 0.1, "colorfulness": 0.9}
            note |= {"scene": "beach", "object": ["Dog", "Tennis_ball"], "human_action": "playing sports"}
            if number % 2:
                note = {"image_id": key, "emotion": emotion, "scene": -1, "facial_expression": None}
            lines(root / f"annotation/{emotion}/{key}.json", [json.dumps(note)])
            row = [emotion, key, f"image/{emotion}/{key}.jpg", f"annotation/{emotion}/{key}.json"]
            rows.append(row if columns == 4 else [row[0], *row[2:]])
        lines(root / f"{name}.json", [json.dumps(rows)])
    lines(root / "info.json", ["{}"])
    return root


def fi_votes(root: Path) -> Path:
    """FI's tables: a header in one, quoted cells, noes in the third column, a tie, a dead link, one picture twice."""
    lines(
        root / "agg/amusement_1.csv",
        ["id,url,disagree,agree", "0,http://f.com/a/x1.jpg,1,4", "1,http://f.com/x2.jpg,2,2"],
    )
    lines(root / "agg/fear_2.csv", ['"0","http://f.com/b/x3.jpg","0","5"', "1,http://f.com/dead.jpg,1,4"])
    lines(root / "agg/sadness_1.csv", ["0,http://f.com/b/x3.jpg,2,3", "1,http://f.com/x4.jpg,2,3"])
    for name in ("x1", "x2", "x3", "x4"):
        picture(root / f"images/{name}.jpg")
    return root


def folders(root: Path, labels: Iterable[str], size: int = 2, below: str = "") -> Path:
    for label in labels:
        for number in range(size):
            picture(root / below / label / f"{number}.jpg")
    return root


def webemo_lists(root: Path) -> Path:
    """Addresses and labels 0..24; two pictures have the same base name, and the label folder tells them apart."""
    train = [f"http://w.com/{n}/p{n}.jpg {n}" for n in range(25)] + ["http://w.com/x/same.jpg 3"]
    lines(root / "train25.txt", [*train, "http://w.com/x/both.jpg 4"])
    lines(root / "test25.txt", ["http://w.com/q.jpg 22", "http://w.com/r.jpg 2"])
    for n in range(25):
        picture(root / f"images/{n}/p{n}.jpg")
    for place in ("images/3/same.jpg", "images/9/same.jpg", "images/7/both.jpg", "images/8/both.jpg"):
        picture(root / place)
    picture(root / "images/q.jpg")
    picture(root / "images/r.jpg")
    return root


def webemo_json(root: Path) -> Path:
    """JSON with names on three levels, as far as its authors' later code shows; one row disagrees with the tree."""
    row = {"image_name": "a.jpg", "label_1": "positive", "label_2": "joy", "label_3": "zest"}
    other = {"image_name": "b.jpg", "label_1": "negative", "label_2": "sadness", "label_3": "confusion"}
    lines(root / "train.json", [json.dumps([row, other])])
    lines(root / "test.json", [json.dumps([row | {"image_name": "c.jpg", "label_3": "cheerfulness"}])])
    for name in "abc":
        picture(root / f"images/{name}.jpg")
    return root


def abstract(root: Path) -> Path:
    """Header and names in single quotes; the second row has a tie for the top."""
    names = ("", "Amusement", "Anger", "Awe", "Content", "Disgust", "Excitement", "Fear", "Sad")
    rows = [
        "'abstract_0001.jpg',3,0,1,7,0,2,0,1",
        "'abstract_0002.jpg',5,0,5,1,0,0,0,3",
        "'abstract_0003.jpg',0,0,0,0,0,0,1,9",
    ]
    lines(root / "ABSTRACT_groundTruth.csv", [",".join(f"'{name}'" for name in names), *rows], "\r\n")
    for number in range(1, 4):
        picture(root / f"abstract_000{number}.jpg")
    return root


def emotion6(root: Path) -> Path:
    """Tab-separated, one header line; the first row is the one its README shows, made up to ten columns."""
    header = "\t".join(
        f"[{name}]" for name in ("image", "valence", "arousal", "prob. anger", "...", "", "", "", "", "")
    )
    rows = [
        ("disgust/1.jpg", 2.5, 3.8, 0.1333, 0.7, 0, 0, 0, 0.0667, 0.1),
        ("joy/1.jpg", 7.1, 4.0, 0, 0, 0, 0.3, 0, 0, 0.7),
        ("fear/1.jpg", 5.0, 2.0, 0, 0, 0, 0, 0, 0, 1),
    ]
    lines(root / "ground_truth.txt", [header, *("\t".join(map(str, row)) for row in rows)])
    for row in rows:
        picture(root / "images" / str(row[0]))
    return root


LDL = {"1.jpg": (5, 0, 1, 0, 0, 0, 0, 2), "2.jpg": (0, 0, 0, 0, 4, 4, 0, 0), "3.jpg": (0, 8, 0, 0, 0, 0, 0, 0),
       "4.jpg": (0, 0, 0, 1, 0, 0, 6, 1)}  # fmt: skip


def ldl_text(root: Path) -> Path:
    """Space-separated, with a separator at the end of every line."""
    header = "images-name Amusement Awe Contentment Excitement Anger Disgust Fear Sadness "
    lines(root / "ground_truth.txt", [header, *(f"{name} {' '.join(map(str, v))} " for name, v in LDL.items())])
    for name in LDL:
        picture(root / "images" / name)
    return root


def twitter1(root: Path, header: str | None = "image,votes,negative,positive") -> Path:
    lines(root / "amt_result.csv", [*([header] if header else []), "a.jpg,5,1,4", "b.jpg,5,5,0"])
    for name in ("a.jpg", "b.jpg"):
        picture(root / "pictures" / name)
    return root


def vecbench(root: Path) -> Path:
    """The table of the hub's data set: a misspelt task, WebEmo's misspelt label, a row of another benchmark."""
    rows = [
        "0,EmoSet-8,test,images/emoset/1.jpg,awe", "1,FI-8,test,images/fi/2.jpg,Sadness",
        "2,FI-2,test,images/fi/2.jpg,negative", "3,WebEmo-25,test,images/webemo/3.jpg,cheerfullness",
        "4,UnbaisedEmo-6,test,images/unbiased/4.jpg,joy", "5,EEmo,test,images/fi/2.jpg,joy",
        "6,Abstract-8,test,images/abstract/5.jpg,content",
    ]  # fmt: skip
    lines(root / "VECBench/test_metadata.csv", [",task,split,image_path,label", *rows])
    for place in ("emoset/1", "fi/2", "webemo/3", "unbiased/4", "abstract/5"):
        picture(root / f"VECBench/images/{place}.jpg")
    return root


THINK = "<think><element>a dog</element><human>no people</human><context>a beach</context><interaction>it runs</interaction><analysis>this is {}</analysis></think><answer>{}</answer>"  # noqa: E501
ASK = f"<image>Which emotion might this image evoke? Choose the most likely from {list(MIKELS)}. Think step by step."


def vec_cot(root: Path) -> Path:
    """Three files in ms-swift's fields; stage three has its gold in a field and no reply."""
    user = {"role": "user", "content": ASK}
    for number, name, end in ((1, "stage1_86k", ""), (2, "stage2_43k_w_conf", "<confidence>0.85</confidence>")):
        reply = {"role": "assistant", "content": THINK.format("awe", "awe") + end}
        image = f"VECBench/images/cot/{number}.jpg"
        picture(root / image)
        jsonl(root / f"VEC-CoT/{name}.jsonl", [{"messages": [user, reply], "images": [image]}] * 2)
    picture(root / "VECBench/images/cot/3.jpg")
    third = {"messages": [user], "images": [{"path": "images/cot/3.jpg"}], "solution": "fear"}
    jsonl(root / "VEC-CoT/stage3_14k.jsonl", [third])
    return vecbench(root)
