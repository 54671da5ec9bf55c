"""Variables of MATLAB files, of the old format (scipy) and of 7.3, which is HDF5 (h5py, an extra)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emocal_rl.errors import UserError

HDF5 = b"MATLAB 7.3 MAT-file"
INSTALL = "reading MATLAB 7.3 needs h5py: pip install 'emocal-rl[matlab]'"


def read_mat(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """The variables of these names: number matrices as in MATLAB, cell arrays of texts as lists of str.

    Raises:
        UserError: the file cannot be read, lacks a variable, or is of version 7.3 and h5py is not installed.
    """
    with path.open("rb") as file:
        new = file.read(len(HDF5)) == HDF5
    found = _new(path, names) if new else _old(path, names)
    if missing := [name for name in names if name not in found]:
        raise UserError(f"{path}: no variable {', '.join(missing)} in it")
    return found


def _old(path: Path, names: Sequence[str]) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        found = loadmat(str(path), variable_names=list(names))
    except Exception as problem:  # scipy raises what it likes over a broken file
        raise UserError(f"{path}: no readable MATLAB file: {problem}") from None
    return {
        name: _texts(value) if value.dtype.kind in "OU" else value for name, value in found.items() if name in names
    }


def _texts(cells: np.ndarray) -> list[str]:
    """A cell array of texts, or a char matrix, as texts."""
    flat = cells.reshape(-1).tolist()
    return [str(np.asarray(cell).reshape(-1)[0] if not isinstance(cell, str) else cell).strip() for cell in flat]


def _new(path: Path, names: Sequence[str]) -> dict[str, Any]:
    try:
        import h5py
    except ImportError:
        raise UserError(f"{path}: {INSTALL}") from None
    try:
        with h5py.File(path, "r") as file:
            return {name: _variable(file, file[name]) for name in names if name in file}
    except OSError as problem:
        raise UserError(f"{path}: no readable MATLAB file: {problem}") from None


def _variable(file: Any, stored: Any) -> Any:
    """A matrix, which HDF5 stores transposed; or a cell array: references to texts stored as character codes."""
    if stored.dtype.kind != "O":
        return np.asarray(stored[()]).T
    return ["".join(map(chr, np.asarray(file[one][()]).reshape(-1))) for one in np.asarray(stored[()]).T.reshape(-1)]
