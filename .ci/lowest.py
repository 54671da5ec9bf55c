"""The lowest version of everything that pyproject.toml allows, as a constraints file on standard output.

torch stays where constraints.txt keeps it: its older wheels without CUDA are not on every index.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent

print((ROOT / "constraints.txt").read_text("utf-8"))
for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]:
    name, lowest = re.match(r"([A-Za-z0-9_.-]+)>=([^,]+)", requirement).groups()
    if name != "torch":
        print(f"{name}=={lowest}")
