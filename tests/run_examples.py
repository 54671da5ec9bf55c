"""Run the examples of a page of the documentation, top to bottom, in the present folder.

    python tests/run_examples.py docs/faq.md

* A fenced block whose first line is `# NAME.py` or `# NAME.yaml` is written to that file.
* Any other `python` block is executed, with the names of the blocks before it. A `text` block that follows at once is
  what it prints.
* In a `console` block a line `$ emocal-rl ...` is run; the lines below it are lines of its output, in this order, not
  necessarily all; blanks at either end do not count, and a line that ends in ` ...` is the beginning of one. A command
  fails where `error:` is shown, and only there.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from emocal_rl.cli import main

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(page: str) -> int:
    """Run every example of the page's text; how many there were. AssertionError for the first that is not as shown."""
    names: dict[str, Any] = {"__name__": "examples"}
    count, printed, end = 0, None, 0
    for block in FENCE.finditer(page):
        kind, text = block.groups()
        follows = not page[end : block.start()].strip()
        end = block.end()
        if kind == "text" and printed is not None and follows:
            assert printed == text, f"the page shows\n{text}and Python prints\n{printed}"
        printed = None
        if file := re.match(r"# (\w+\.(?:py|yaml))\n", text):
            Path(file[1]).write_text(text, encoding="utf-8")
        elif kind == "python":
            with redirect_stdout(io.StringIO()) as out:
                exec(compile(text, "example", "exec"), names)
            count, printed = count + 1, out.getvalue()
        elif kind == "console":
            count += sum(1 for command, shown in commands(text) if command_shows(command, shown))
    return count


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """(command, lines shown below it)."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.rstrip().split("\n")
        yield command, [line.strip() for line in shown if line.strip()]


def command_shows(command: str, shown: list[str]) -> bool:
    """Run a command; AssertionError unless it says these lines in this order."""
    program, *arguments = shlex.split(command)
    assert program == "emocal-rl", command
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(out):
        code = main(arguments)
    said = out.getvalue()
    fails = any(line.startswith("error:") for line in shown)
    assert (code != 0) == fails, f"$ {command}\nexit code {code}\n{said}"
    left = iter(line.strip() for line in said.splitlines())
    for line in shown:
        assert any(_matches(line, one) for one in left), f"$ {command}\ndoes not say\n{line}\nbut\n{said}"
    return True


def _matches(shown: str, said: str) -> bool:
    return said.startswith(shown.removesuffix(" ...")) if shown.endswith(" ...") else said == shown


if __name__ == "__main__":
    sys.path[0] = ""  # and not this script's folder: its vllm is no vLLM
    print(run(Path(sys.argv[1]).read_text("utf-8")))
