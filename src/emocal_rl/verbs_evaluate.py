"""The verbs that evaluate: score, eval, predict. Each calls one function and prints."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from emocal_rl.errors import UserError

# score


def score_options(parser: ArgumentParser) -> None:
    """Options of `score`."""
    parser.add_argument(
        "file", metavar="FILE", help="saved completions, one JSON object a line, ours or another tool's"
    )
    parser.add_argument(
        "terms", nargs="*", metavar="term=weight", help="the reward; default correct=1 brier=1 (see emocal-rl rewards)"
    )
    parser.add_argument(
        "--format", default="emocaliber", metavar="NAME", help="how to read a reply; default emocaliber"
    )
    parser.add_argument("--grader", metavar="NAME", help="default: votes where every row has votes, else label")
    parser.add_argument("--out", metavar="DIR", help="write records.jsonl and metrics.json there")
    parser.add_argument("--resamples", type=int, default=2000, help="bootstrap resamples behind each interval")
    parser.add_argument("--seed", type=int, default=0, help="seed of the resamples")


def score(args: Namespace) -> None:
    """Score saved completions and print every metric; needs neither a model nor torch."""
    from emocal_rl.evaluate import score as scoring
    from emocal_rl.evaluate.saved import read_saved

    terms = _terms(args.terms) or scoring.DEFAULT_TERMS
    options = {"resamples": args.resamples, "seed": args.seed}
    report = scoring.score(read_saved(Path(args.file)), terms, args.format, args.grader, **options)
    print("\n".join(scoring.lines(report)))
    if args.out:
        scoring.write(report, Path(args.out))
        print(f"written: {Path(args.out) / 'records.jsonl'} and metrics.json")


def _terms(texts: list[str]) -> dict[str, Any]:
    from emocal_rl.evaluate.engines.core import parse_options

    found = parse_options(texts, "score: a term of the reward is written term=weight")
    for name, weight in found.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise UserError(f"score: the weight of {name} must be a number, got {weight!r}")
    return found
