"""Finding an object by its address, ``module:name``: how rules pickle and how users name what is their own."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from emocal_rl.errors import NOT_HERE, UserError


def locate(address: str) -> Any:
    """Import ``module:name`` (name may be dotted).

    Raises UserError when the module or the name does not exist, when importing the module fails, or when the object was
    defined inside a function.

    >>> locate("math:pi")
    3.141592653589793
    """
    module, _, name = address.partition(":")
    if "<locals>" in name:
        raise UserError(f"{address}: define it at the top level of a module, so that other processes can find it")
    if not module or not name:
        raise UserError(f"{address!r} is no address: write module:name")
    found = _module(address, module)
    for part in name.split("."):
        if not hasattr(found, part):
            raise UserError(f"{address}: module {module!r} has no {part!r}")
        found = getattr(found, part)
    return found


def _module(address: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except UserError:
        raise
    except Exception as error:
        # a module that exists but fails on an import of its own is a different mistake
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and (module == missing or module.startswith(missing + ".")):
            raise UserError(f"{address}: no module named {module!r} {NOT_HERE}") from error
        raise UserError(f"{address}: importing {module!r} fails: {type(error).__name__}: {error}") from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message: a suggestion for a near miss, else everything that is known.

    >>> did_you_mean("breir", ["brier", "log"]), did_you_mean("zzz", ["log", "brier"])
    ("; did you mean 'brier'?", ' (known: brier, log)')
    """
    import difflib  # on the error path only: keeps the import of the package fast

    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f" (known: {', '.join(names)})"
