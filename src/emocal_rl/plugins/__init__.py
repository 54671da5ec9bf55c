"""Reward files for frameworks that load a reward by its path. Also at the top level of the repository, as `rewards`.

The files are called `emocal_FRAMEWORK.py`, because some frameworks put their folder on the import path, where a
`verl.py` would hide verl.
"""

from importlib.resources import files
from pathlib import Path

PREFIX = "emocal_"


def packaged() -> dict[str, Path]:
    """Framework -> its reward file.

    >>> sorted(packaged())
    ['easyr1', 'openrlhf', 'oumi', 'swift', 'verl']
    """
    folder = Path(str(files("emocal_rl.plugins")))
    return {path.stem.removeprefix(PREFIX): path for path in sorted(folder.glob(f"{PREFIX}*.py"))}
