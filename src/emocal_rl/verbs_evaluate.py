"""The verbs that evaluate: score, eval, predict. Each calls one function and prints."""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from emocal_rl.errors import IncompleteError, UserError
from emocal_rl.progress import loading
from emocal_rl.verbs_data import at_least_one, data_of

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
        "--format",
        metavar="NAME",
        help="how to read a reply; default emocaliber, with --vecbench the first closed tags",
    )
    parser.add_argument("--grader", metavar="NAME", help="default: votes where every row has votes, else label")
    parser.add_argument("--out", metavar="DIR", help="write records.jsonl and metrics.json there")
    parser.add_argument("--report", action="store_true", help="with --out: draw DIR/report/report.html as well, a "
                        "section for every split or task of the file")  # fmt: skip
    parser.add_argument("--resamples", type=at_least_one, default=2000, help="bootstrap resamples behind each interval")
    parser.add_argument("--seed", type=int, default=0, help="seed of the resamples")
    parser.add_argument("--vecbench", action="store_true", help="the file holds VECBench answers: its tables, "
                        "beside those of EmoCaliber's own evaluator")  # fmt: skip
    parser.add_argument("--questions", metavar="FILE", help="VECBench's test file, where FILE does not name the tasks")


def score(args: Namespace) -> None:
    """Score saved completions and print every metric; needs neither a model nor torch."""
    if args.vecbench:
        _vecbench(args)
        return
    if args.questions:
        raise UserError("score: --questions goes with --vecbench")
    if args.report and not args.out:
        raise UserError("score: --report needs --out DIR to write to")
    from emocal_rl.evaluate import score as scoring
    from emocal_rl.evaluate.saved import read_saved
    from emocal_rl.evaluate.score_lines import lines

    terms = _terms(args.terms) or scoring.DEFAULT_TERMS
    options = {"resamples": args.resamples, "seed": args.seed}
    report = scoring.score(read_saved(Path(args.file)), terms, args.format or "emocaliber", args.grader, **options)
    print("\n".join(lines(report)))
    if args.out:
        scoring.write(report, Path(args.out))
        print(f"written: {Path(args.out) / 'records.jsonl'} and metrics.json")
    if args.report:
        from emocal_rl.evaluate.score_report import report_scores

        report_scores(report, Path(args.out) / "report", **options, command=("emocal-rl", *sys.argv[1:]))
        print(f"report: {Path(args.out) / 'report' / 'report.html'}")


def _vecbench(args: Namespace) -> None:
    from emocal_rl.evaluate import vecbench_report
    from emocal_rl.evaluate.vecbench import read_items
    from emocal_rl.rewards.formats import find_format

    if args.report:
        raise UserError("score: --vecbench writes its own page with --out; it takes no --report")
    if args.terms or args.grader:
        raise UserError("score: --vecbench has its own rules; it takes no term=weight and no --grader")
    form = find_format(args.format).name if args.format else None
    items, odd = read_items(Path(args.file), Path(args.questions) if args.questions else None)
    result = vecbench_report.vecbench(items, odd, form=form, resamples=args.resamples, seed=args.seed)
    print("\n".join(vecbench_report.lines(result)))
    if args.out:
        vecbench_report.write(result, Path(args.out))
        print(f"written: {Path(args.out) / 'vecbench.html'} and vecbench.json")


def _terms(texts: list[str]) -> dict[str, Any]:
    from emocal_rl.evaluate.engines.core import parse_options

    found = parse_options(texts, "score: a term of the reward is written term=weight")
    for name, weight in found.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise UserError(f"score: the weight of {name} must be a number, got {weight!r}")
    return found


# eval


def eval_options(parser: ArgumentParser) -> None:
    """Options of `eval`."""
    parser.add_argument("run_dir", nargs="?", metavar="RUN_DIR", help="evaluate a finished stage of this run")
    parser.add_argument("--model", metavar="M", help="instead of a run: tiny, a checkpoint folder, a hub id")
    parser.add_argument("--stage", metavar="NAME", help="which stage of the run; default its last finished one")
    parser.add_argument("--data", metavar="D", help="a data set (emocal-rl data --list), a .jsonl file, or hf:NAME; "
                        "default the run's own")  # fmt: skip
    parser.add_argument("--root", metavar="DIR", help="folder of the pictures of a data set that is not embedded")
    parser.add_argument("--data-option", action="append", default=[], metavar="key=value", help="another key of a "
                        "recipe's data, such as classes=2 or accept=[mikels8]; repeatable")  # fmt: skip
    parser.add_argument("--split", metavar="A,B", help="splits to evaluate; default the run's own where "
                        "the data have them, else all but those to train on")  # fmt: skip
    parser.add_argument("--limit", type=int, metavar="N", help="at most this many rows of each split")
    parser.add_argument("--format", metavar="NAME", help="how to ask and read; default the stage's, else emocaliber")
    parser.add_argument("--out", metavar="DIR", help="default RUN_DIR/eval, or runs/eval-MODEL; the same again resumes")
    parser.add_argument("--temperature", type=float, default=0.0, help="0, the default, is greedy")
    parser.add_argument("--top-p", type=float, default=1.0, help="nucleus of what is sampled; default 1")
    parser.add_argument("--max-new-tokens", type=int, default=512, help="longest completion; default 512")
    parser.add_argument("--samples", type=int, default=1, metavar="K", help="completions a row; with several, "
                        "their agreement is measured beside the stated confidence")  # fmt: skip
    parser.add_argument("--readouts", action="store_true", help="with hf: measure the answer's token probability and "
                        "the mean of the confidence digits beside the stated confidence")  # fmt: skip
    parser.add_argument("--seed", type=int, help="seed of sampling and intervals; default the recipe's, else 0")
    parser.add_argument("--resamples", type=at_least_one, help="bootstrap resamples; default the recipe's, else 2000")
    engine_options(parser)


def engine_options(parser: ArgumentParser) -> None:
    """The options that choose and set up an engine."""
    parser.add_argument(
        "--engine", default="hf", metavar="NAME", help="hf (default), vllm, or openai (any such server)"
    )
    parser.add_argument("--base-url", metavar="URL", help="of an OpenAI-compatible server; its key is OPENAI_API_KEY")
    parser.add_argument("--model-name", metavar="NAME", help="what the server calls the model; default its name here")
    parser.add_argument("--batch-size", type=int, default=64, help="rows, or requests to a server, at a time")
    passed = "for hf's generate, vllm's LLM, or the server's request (there also timeout, tries); repeatable"
    parser.add_argument("--engine-option", action="append", default=[], metavar="key=value", help=passed)


def evaluate(args: Namespace) -> None:
    """Evaluate a model on data, print the table and where the report is."""
    from emocal_rl.evaluate.checkpoint import find_checkpoint
    from emocal_rl.evaluate.job import run_job
    from emocal_rl.evaluate.readouts import readout_lines
    from emocal_rl.evaluate.report import summary_lines

    if (args.run_dir is None) == (args.model is None):
        raise UserError("eval: give a run directory, or --model M --data D (one of the two)")
    if args.model is not None and args.data is None:
        raise UserError("eval: --model needs --data: emoji, or the path of a .jsonl file")
    checkpoint = find_checkpoint(args.run_dir or args.model, args.stage)
    if args.run_dir is not None and checkpoint.run is None:
        raise UserError(f"{args.run_dir} is not a run directory (it has no run.json); a model is given with --model")
    if args.data is None and (args.root or args.data_option):
        raise UserError("eval: --root and --data-option go with --data; the run's own data are as its recipe says")
    job = _job(args, checkpoint)
    engine = opened_engine(args, checkpoint.model)
    try:
        metrics = run_job(job, engine)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; the same command goes on where it stopped") from None
    print("\n".join([*summary_lines(metrics), *readout_lines(metrics["readouts"])]))
    print(f"report: {job.out / 'report.html'}")
    if failed := sum(metrics["failed"].values()):
        raise IncompleteError(f"{failed} rows failed and are not in the numbers; the same command tries them again")


def _job(args: Namespace, checkpoint: Any) -> Any:
    from emocal_rl.evaluate.engines import Decoding
    from emocal_rl.evaluate.job import Job, job_recipe

    recipe = job_recipe(
        checkpoint,
        data=None if args.data is None else data_of(args.data, args.data_option, root=args.root).model_dump(),
        splits=args.split.split(",") if args.split else None,
        limit=args.limit,
        form=args.format,
        resamples=args.resamples,
        seed=args.seed,
    )
    decoding = Decoding(args.temperature, args.top_p, args.max_new_tokens, recipe.seed)
    out = args.out or (checkpoint.run / "eval" if checkpoint.run else f"runs/eval-{checkpoint.name}")
    order = [stage.name for stage in checkpoint.recipe.stages] if checkpoint.recipe else []
    told = (args.samples, args.readouts, ("emocal-rl", *sys.argv[1:]), checkpoint.run, order)
    return Job(checkpoint.name, recipe, Path(out), decoding, *told)


def opened_engine(args: Namespace, model: str) -> Any:
    """The engine that `engine_options` name, for a model. Raises UserError for an unknown one or a wrong option."""
    from emocal_rl.evaluate.engines import open_engine, parse_options

    name = args.model_name if args.model_name and args.engine == "openai" else model
    options = parse_options(args.engine_option)
    if args.engine in ("hf", "vllm"):
        loading()
    return open_engine(args.engine, name, batch_size=args.batch_size, base_url=args.base_url, options=options)


# predict


def predict_options(parser: ArgumentParser) -> None:
    """Options of `predict`."""
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="picture files")
    parser.add_argument("--model", required=True, metavar="M", help="a run directory, tiny, a checkpoint, a hub id")
    parser.add_argument("--stage", metavar="NAME", help="which stage of the run; default its last finished one")
    parser.add_argument("--question", metavar="TEXT", help="what to ask; default the run's data's question")
    parser.add_argument("--candidates", metavar="A,B", help="the labels to choose from; default the run's data's")
    parser.add_argument("--format", metavar="NAME", help="how to ask and read; default the stage's, else emocaliber")
    parser.add_argument("--abstain-below", type=float, metavar="T", help="no answer below this confidence")
    parser.add_argument("--risk", type=float, metavar="R", help="no answer below the confidence that kept the share of "
                        "wrong answers at R or less on the run's validation records")  # fmt: skip
    parser.add_argument("--max-new-tokens", type=int, default=512, help="longest completion; default 512")
    parser.add_argument("--json", action="store_true", help="one JSON object a picture")
    engine_options(parser)


def predict(args: Namespace) -> None:
    """Print answer, confidence and reasoning for every picture."""
    from emocal_rl.evaluate import predict as predicting
    from emocal_rl.evaluate.checkpoint import find_checkpoint, format_of
    from emocal_rl.evaluate.engines import Decoding
    from emocal_rl.rewards.formats import find_format

    checkpoint = find_checkpoint(args.model, args.stage)
    form = find_format(format_of(checkpoint, args.format))
    given = [name.strip() for name in args.candidates.split(",")] if args.candidates else None
    rows = predicting.rows_of(args.images, *predicting.question_of(checkpoint, args.question, given))
    threshold = _threshold(args, checkpoint, form)
    engine = opened_engine(args, checkpoint.model)
    failed = 0
    for one in predicting.predict(rows, form, engine, Decoding(max_new_tokens=args.max_new_tokens), threshold):
        shown = one.as_dict() | {"threshold": threshold}
        text = json.dumps(shown, ensure_ascii=False) if args.json else "\n".join(predicting.lines(one, threshold))
        print(text, flush=True)
        failed += one.error is not None
    if failed:
        raise IncompleteError(f"{failed} of {len(rows)} pictures have no answer, because the request failed")


def _threshold(args: Namespace, checkpoint: Any, form: Any) -> float | None:
    from emocal_rl.evaluate.predict import checked_threshold, validation_threshold

    if args.risk is not None and args.abstain_below is not None:
        raise UserError("predict: --risk and --abstain-below both set a threshold; give one of them")
    if (args.risk, args.abstain_below) != (None, None) and form.states == "nothing":
        raise UserError(f"predict: the format {form.name} states no confidence to compare with a threshold")
    if args.risk is None:
        return None if args.abstain_below is None else checked_threshold(args.abstain_below)
    found = validation_threshold(checkpoint, args.risk)
    kept = f"answers {found.coverage:.1%} of {found.n} validation rows, {found.risk:.1%} of them wrong"
    print(f"threshold {found.value:g}: {kept}", file=sys.stderr)
    return found.value
