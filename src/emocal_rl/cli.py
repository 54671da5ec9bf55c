"""The command line. Each verb calls one function and prints; heavy imports happen inside the verb that needs them."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from emocal_rl import (
    __version__,
    verbs,
    verbs_data,
    verbs_evaluate,
    verbs_make,
    verbs_plugins,
    verbs_rewards,
    verbs_serve,
    verbs_sweep,
)
from emocal_rl.errors import IncompleteError, UserError
from emocal_rl.suggest import did_you_mean


@dataclass(frozen=True)
class Verb:
    """A verb: what it does in a line, its options, its function."""

    summary: str
    options: Callable[[argparse.ArgumentParser], None]
    call: Callable[[argparse.Namespace], None]


VERBS = {
    "train": Verb("train a recipe, or resume a run", verbs.train_options, verbs.train),
    "eval": Verb("evaluate a run or any model on data", verbs_evaluate.eval_options, verbs_evaluate.evaluate),
    "score": Verb("score saved completions", verbs_evaluate.score_options, verbs_evaluate.score),
    "predict": Verb(
        "answer, confidence and reasoning for pictures", verbs_evaluate.predict_options, verbs_evaluate.predict
    ),
    "report": Verb("write the report of a run again, or compare runs", verbs.report_options, verbs.report),
    "sweep": Verb("train variants of a recipe over seeds, and compare", verbs_sweep.sweep_options, verbs_sweep.sweep),
    "check": Verb("everything that can be known about a recipe without a GPU", verbs.check_options, verbs.check),
    "recipes": Verb("list, show or copy the recipes", verbs.recipes_options, verbs.recipes),
    "rewards": Verb("list, explain or draw rewards", verbs_rewards.rewards_options, verbs_rewards.rewards),
    "serve-rollouts": Verb(
        "a vLLM server that samples for rollout.engine=vllm-server", verbs_serve.serve_options, verbs_serve.serve
    ),
    "plugin-path": Verb(
        "the reward file for another framework", verbs_plugins.plugin_path_options, verbs_plugins.plugin_path
    ),
    "label": Verb(
        "confidences for stage two, from a model, votes or a constant", verbs_make.label_options, verbs_make.label
    ),
    "trace": Verb("reasoning for stage one, from a teacher, filtered", verbs_make.trace_options, verbs_make.trace),
    "export": Verb("a recipe's RL stage for verl", verbs_make.export_options, verbs_make.export),
    "data": Verb(
        "look at a data set: counts, balance, duplicates, broken pictures", verbs_data.data_options, verbs_data.data
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0, 1 when something is missing from the result, 2 for a mistake the user can fix,
    130 when interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    if argv is None:  # as `python -m` does: rules and formats of one's own are named my_rules:mine
        sys.path.append("")  # the folder where one is, also one that has gone
    try:
        _run([argument for argument in arguments if argument != "--debug"])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has what it wanted; Python must not complain while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (UserError, IncompleteError, KeyboardInterrupt, OSError) as error:
        if debug or (isinstance(error, OSError) and error.filename is None):
            raise
        return _end(error)
    return 0


def _end(error: UserError | IncompleteError | KeyboardInterrupt | OSError) -> int:
    """Say why the command ended; its exit code."""
    if isinstance(error, KeyboardInterrupt):
        print(f"\n{error}" if str(error) else "\ninterrupted", file=sys.stderr)
        return 130
    if isinstance(error, IncompleteError):
        print(f"warning: {error}", file=sys.stderr)
        return 1
    lines = error.lines if isinstance(error, UserError) else [f"{error.filename}: {error.strerror}"]
    print("\n".join(f"error: {line}" for line in lines), file=sys.stderr)
    return 2


def _run(arguments: list[str]) -> None:
    verb = arguments[0] if arguments else "--help"
    if verb in ("-h", "--help", "help"):
        print(_help())
    elif verb == "--version":
        print(f"emocal-rl {__version__}")
    elif verb not in VERBS:
        if verb.startswith("-"):
            raise UserError(f"the command comes first, then its options; {verb} is no command (see emocal-rl --help)")
        raise UserError(f"unknown command '{verb}'{did_you_mean(verb, VERBS)} (see emocal-rl --help)")
    else:
        VERBS[verb].call(_parse(verb, arguments[1:]))


def _help() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {name:{width}}  {verb.summary}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "usage: emocal-rl COMMAND [options]",
            "",
            "Train (vision-)language models to say how sure they are, and to be right about it.",
            "",
            *lines,
            "",
            "Every command explains its options: emocal-rl COMMAND --help. Also: --version, --debug (show tracebacks).",
            "First steps: emocal-rl train --recipe grpo_brier",
        ]
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and exiting."""
        raise UserError(f"{self.prog.removeprefix('emocal-rl ')}: {message} (see {self.prog} --help)")

    def option_names(self) -> list[str]:
        """Every long option."""
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]


def _parse(verb: str, arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(prog=f"emocal-rl {verb}", description=VERBS[verb].summary, allow_abbrev=False)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    VERBS[verb].options(parser)
    options = [argument for argument in arguments if argument.startswith("--")]
    for option in (option.partition("=")[0] for option in options):
        if option not in parser.option_names():
            raise UserError(f"{verb}: unknown option {option}{did_you_mean(option, parser.option_names())}")
    return parser.parse_intermixed_args(arguments)
