"""The lowest version of everything that pyproject.toml allows, as a constraints file on standard output.

python .ci/lowest.py > lowest.txt && pip install -c lowest.txt -e .
"""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
for requirement in project["dependencies"]:
    print(re.sub(r"^([A-Za-z0-9_.-]+)>=([^,]+).*$", r"\1==\2", requirement))
