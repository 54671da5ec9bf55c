"""Completions on disk: appended and flushed one by one, so that a killed evaluation goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emocal_rl import files
from emocal_rl.errors import UserError
from emocal_rl.evaluate.engines import Completion, Decoding, Engine, Request
from emocal_rl.evaluate.engines.core import Key
from emocal_rl.progress import stage_progress

GIVE_UP = 20  # failures in a row, from the start: the server is down, and waiting for every row would take hours


def complete_to(
    path: Path,
    requests: Sequence[Request],
    engine: Engine,
    decoding: Decoding,
    *,
    label: str = "answers",
    facts: Mapping[str, Any] | None = None,
) -> list[Completion]:
    """Complete every request, each appended to ``path`` as it finishes; returns them in the order of the requests.

    What the file holds for the same row, prompt, decoding and repeat is not asked again; errors are. A last line torn
    by a kill is cut off. ``facts`` (the split, for example) are written on every line. A line has what `emocal-rl
    score` needs: id, repeat, text or error, and the row's candidates, votes, label and cluster.
    Raises UserError when nothing succeeds from the start.
    """
    found = finished(path, {r.key(engine.model, decoding): r for r in requests})
    missing = [r for r in requests if r.key(engine.model, decoding) not in found]
    done = len(found)
    with files.JsonLines(path) as out, stage_progress(label, len(requests), "generate", start=done) as tick:
        asked = engine.complete(missing, decoding) if missing else ()
        for one in asked if found else until_hopeless(asked, label):
            out.append(line(one, engine.model, decoding) | dict(facts or {}))
            found[one.request.key(engine.model, decoding)] = one
            done += 1
            tick(done)
    return [found[r.key(engine.model, decoding)] for r in requests]


def until_hopeless(asked: Iterable[Completion], label: str) -> Iterator[Completion]:
    """The completions as they come. Raises UserError once the first of them have all failed."""
    failures = 0
    for count, one in enumerate(asked, start=1):
        yield one
        failures += one.text is None
        if failures == count == GIVE_UP:
            raise UserError(f"{label}: the first {failures} requests all failed; the last: {one.error}")


def refuse_failure(found: Sequence[Completion], label: str) -> None:
    """Raise UserError when there were requests and all of them failed."""
    if found and all(one.text is None for one in found):
        raise UserError(f"{label}: no request succeeded ({len(found)} failed); the last: {found[-1].error}")


def finished(path: Path, wanted: Mapping[Key, Request]) -> dict[Key, Completion]:
    """The completions without error that a file holds for the wanted keys."""
    if not path.exists():
        return {}
    found = {}
    for row in files.read_jsonl(path, broken=lambda problem: None):  # what is broken is made again
        key = (str(row.get("id")), row.get("repeat", 0), str(row.get("prompt")), str(row.get("decoding")))
        if row.get("status") == "ok" and isinstance(row.get("text"), str) and key in wanted:
            found[key] = Completion(wanted[key], row["text"])
    return found


def line(one: Completion, model: str, decoding: Decoding) -> dict[str, Any]:
    """One completion as a line of the file."""
    identity, repeat, prompt, fingerprint = one.request.key(model, decoding)
    row = one.request.row
    outcome = {"status": "error", "error": one.error} if one.text is None else {"status": "ok", "text": one.text}
    how = {"model": model, "decoding": fingerprint, "options": asdict(decoding), "format": one.request.form.name}
    return {
        "id": identity,
        "repeat": repeat,
        "cluster": row.cluster,
        **row.target(),
        **outcome,
        "prompt": prompt,
        **how,
    }
