"""The verbs that make training data: label, trace, export. Each calls one function and prints."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from emocal_rl import recipe_source
from emocal_rl.errors import IncompleteError, UserError
from emocal_rl.verbs_evaluate import engine_options, opened_engine

# label


def label_options(parser: ArgumentParser) -> None:
    """Options of `label`."""
    parser.add_argument("run_dir", nargs="?", metavar="RUN_DIR", help="ask a finished stage of this run")
    parser.add_argument("--model", metavar="M", help="instead of a run: tiny, a checkpoint folder, a hub id")
    parser.add_argument("--stage", metavar="NAME", help="which stage of the run; default its last finished one")
    data_options(parser)
    parser.add_argument("--strategy", default="hit_rate", metavar="NAME", help="hit_rate (default), self_consistency, "
                        "similarity, answer_probability; without a model: votes, constant, given")  # fmt: skip
    parser.add_argument("--samples", type=int, default=8, metavar="K", help="answers sampled a row; default 8")
    parser.add_argument("--temperature", type=float, default=1.0, help="of the sampled answers; default 1")
    parser.add_argument("--max-new-tokens", type=int, default=512, help="longest answer; default 512")
    parser.add_argument("--format", metavar="NAME", help="how to ask; default the stage's, else emocaliber_answer")
    parser.add_argument("--smoothing", type=float, default=1.0, help="pseudo-counts on either side; default 1")
    parser.add_argument("--levels", type=int, metavar="N", help="round confidences to N levels; default hundredths")
    parser.add_argument("--near", type=float, default=0.5, help="similarity: credit for the same polarity; default 0.5")
    parser.add_argument("--value", type=float, default=0.9, help="constant: the confidence of every row; default 0.9")
    parser.add_argument(
        "--out", default="labels.jsonl", metavar="FILE", help="default labels.jsonl; the same again resumes"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the sampling")
    engine_options(parser)


def data_options(parser: ArgumentParser, split: str = "stage_two", default: str = "default the run's own data") -> None:
    """The options that name rows; default: what the help says of rows that are not named."""
    parser.add_argument("--data", metavar="D", help=f"a data set or a .jsonl file; {default}")
    parser.add_argument("--root", metavar="DIR", help="folder of the data set")
    parser.add_argument("--split", default=split, metavar="NAME", help=f"default {split}")
    parser.add_argument("--limit", type=int, metavar="N", help="at most this many rows")


def label(args: Namespace) -> None:
    """Label a split and print what came out; rows that failed end it with exit code 1."""
    from emocal_rl.train.label_job import LabelJob
    from emocal_rl.train.label_job import label as make
    from emocal_rl.train.labelers import ASKING

    checkpoint = _checkpoint(args, needed=args.strategy in ASKING)
    data = _data(args, checkpoint)
    _refuse_own_data("label", args.out, data)
    job = LabelJob(
        data=data,
        split=args.split,
        labels=_labels(args, checkpoint),
        out=Path(args.out),
        checkpoint=checkpoint,
        seed=args.seed,
    )
    engine = opened_engine(args, checkpoint.model) if checkpoint and args.strategy in ASKING else None
    try:
        lines, failed = make(job, engine)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; the same command goes on where it stopped") from None
    print("\n".join(lines))
    if failed:
        raise IncompleteError(f"{failed} rows failed and are not in the file; the same command tries them again")


def _refuse_own_data(verb: str, out: str, data: Any) -> None:
    """Raise UserError where what is written would replace what it is made from."""
    if Path(data.name).is_file() and Path(out).exists() and Path(out).samefile(data.name):
        raise UserError(f"{verb}: --out {out} is the data file itself, which would be lost; choose another")


def _checkpoint(args: Namespace, needed: bool) -> Any:
    from emocal_rl.evaluate.checkpoint import find_checkpoint

    if args.run_dir is not None and args.model is not None:
        raise UserError("label: give a run directory, or --model M (one of the two)")
    if args.run_dir is None and args.model is None:
        if needed:
            raise UserError(f"label: --strategy {args.strategy} asks a model: give a run directory, or --model M")
        return None
    return find_checkpoint(args.run_dir or args.model, args.stage)


def _labels(args: Namespace, checkpoint: Any) -> Any:
    from emocal_rl import recipe_blocks

    stated = checkpoint.form if checkpoint and checkpoint.form else "emocaliber_answer"
    names = ("strategy", "samples", "temperature", "max_new_tokens", "smoothing", "levels", "near", "value")
    tree = {name: getattr(args, name) for name in names} | {"format": args.format or stated}
    return _part(recipe_blocks.Labels, tree, "label")


def _data(args: Namespace, checkpoint: Any) -> Any:
    from emocal_rl import recipe_blocks

    own = checkpoint.recipe.data.model_dump() if checkpoint and checkpoint.recipe else None
    if args.data is None and own is None:
        raise UserError("say which rows: --data, a data set (see emocal-rl data) or a .jsonl file")
    tree: dict[str, Any] = {"name": args.data} if args.data is not None else dict(own or {})
    changed = {"root": args.root, "limit": args.limit}
    return _part(recipe_blocks.Data, tree | {key: value for key, value in changed.items() if value is not None}, "data")


def _part(model: Any, tree: dict[str, Any], verb: str) -> Any:
    """A part of a recipe from options; its errors name the option."""
    from pydantic import ValidationError

    from emocal_rl import recipe_errors

    try:
        return model.model_validate(tree)
    except ValidationError as error:
        lines = recipe_errors.explain(error, tree, model, recipe_errors.nowhere)
        names = (line.partition(":") for line in lines)
        raise UserError(*[f"{verb}: --{name.replace('_', '-')}:{rest}" for name, _, rest in names]) from None


# trace


def trace_options(parser: ArgumentParser) -> None:
    """Options of `trace`."""
    parser.add_argument(
        "--model", required=True, metavar="TEACHER", help="a model's name at the server, folder, hub id"
    )
    data_options(parser, split="stage_one", default="needed")
    parser.add_argument("--tries", type=int, default=4, metavar="K", help="samples a row until one is kept; default 4")
    parser.add_argument("--words", type=int, default=3, help="fewest words of every part; default 3")
    parser.add_argument("--temperature", type=float, default=0.7, help="of the samples; default 0.7")
    parser.add_argument("--max-new-tokens", type=int, default=1024, help="longest trace; default 1024")
    parser.add_argument(
        "--out", default="traces.jsonl", metavar="FILE", help="default traces.jsonl; the same again resumes"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the sampling")
    engine_options(parser)


def trace(args: Namespace) -> None:
    """Write reasoning by a teacher and print what was kept and what was not."""
    from emocal_rl.evaluate.engines import Decoding
    from emocal_rl.train.traces import TraceJob
    from emocal_rl.train.traces import trace as make

    decoding = Decoding(args.temperature, 1.0, args.max_new_tokens, args.seed)
    data = _data(args, None)
    _refuse_own_data("trace", args.out, data)
    job = TraceJob(data, args.split, Path(args.out), decoding, args.tries, args.words)
    try:
        print("\n".join(make(job, opened_engine(args, args.model))))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; the same command goes on where it stopped") from None


# export


def export_options(parser: ArgumentParser) -> None:
    """Options of `export`."""
    parser.add_argument("framework", metavar="FRAMEWORK", help="verl")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="change the recipe, e.g. data.root=DIR")
    parser.add_argument("--recipe", metavar="NAME", help=recipe_source.NAME_HELP)
    parser.add_argument("--out", default="verl", metavar="DIR", help="a new folder; default verl")
    parser.add_argument("--gpus", type=int, default=8, help="GPUs of the machine that will train; default 8")
    parser.add_argument("--embed", action="store_true", help="put pictures into the parquet files, not their paths")


def export(args: Namespace) -> None:
    """Write a recipe's RL stage for another framework and print what was written."""
    from emocal_rl import recipe as recipes
    from emocal_rl.export import export_verl
    from emocal_rl.suggest import did_you_mean

    if args.framework != "verl":
        raise UserError(f"export: unknown framework '{args.framework}'{did_you_mean(args.framework, ['verl'])}")
    if not args.recipe:
        raise UserError("export: say which recipe: emocal-rl export verl --recipe grpo_brier")
    if args.gpus < 1:
        raise UserError(f"export: --gpus must be at least 1, got {args.gpus}")
    written = export_verl(recipes.load(args.recipe, args.overrides), Path(args.out), args.gpus, args.embed)
    print("\n".join([recipe_source.chosen(args.recipe), *written]))
