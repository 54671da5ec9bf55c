"""The README's Python runs, and its figures are those of the committed results."""

import json
import re
from pathlib import Path

from emocal_rl import recipe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_snippets_run(capsys):
    names: dict[str, object] = {}
    snippets = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(snippets) == 2
    for snippet in snippets:
        exec(snippet, names)
    assert capsys.readouterr().out == "0.99\n"


def test_figures_are_the_committed_results():
    """Brier, ECE and AUROC before and after, of every variant, as the table prints them."""
    results = json.loads((ROOT / "benchmarks" / "results" / "main_job.json").read_text("utf-8"))
    variants = results["splits"]["unseen_style"]["variants"]
    rows = [line for line in README.splitlines() if line.startswith("| ") and "→" in line]
    assert len(rows) == len(variants) == 3
    for row, variant in zip(rows, variants.values(), strict=True):
        for metric in ("brier", "ece_10", "auroc"):
            shown = " → ".join(f"{variant[when][metric]['value']:.3f}" for when in ("before", "after"))
            assert shown in row


def test_every_pictures_figures_are_the_committed_result():
    found = json.loads((ROOT / "benchmarks" / "results" / "all_pictures.json").read_text("utf-8"))
    assert f"all {found['rows']} labelled pictures" in README
    for rival in ("before", "constant"):
        gap = found[f"after minus {rival}"]
        assert gap["better_runs"] == gap["runs"] == 5
        low, value, high = sorted(abs(gap[name]) for name in ("low", "value", "high"))
        assert f"{value:.3f} [{low:.3f}, {high:.3f}] lower" in README.replace("\n", " ")


def test_the_ablations_table_is_the_committed_result():
    results = json.loads((ROOT / "benchmarks" / "results" / "reward_ablation.json").read_text("utf-8"))
    page = (ROOT / "docs" / "sweeps.md").read_text("utf-8").split("## What the ablation says")[1].split("## GRPO")[0]
    variants = results["splits"]["unseen_style"]["variants"]
    references = results["splits"]["unseen_style"]["references"]
    rows = {line[3:].split(line[2])[0]: line for line in page.splitlines() if line.startswith(("| `", "| *"))}
    assert list(rows)[-3:] == list(references)
    assert rows.keys() == {**variants, **references}.keys()
    for name, found in {**variants, **references}.items():
        shown = " | ".join(f"{found['after'][metric]['value']:.3f}" for metric in ("brier", "ece_10", "auroc"))
        assert shown in rows[name]
    for rival, metric in (("rlcr", "brier"), ("dcpo", "brier"), ("emocaliber", "auroc"), ("rewarding_doubt", "auroc")):
        gap = variants[rival]["contrast"][metric]
        low, value, high = sorted(abs(gap[name]) for name in ("low", "value", "high"))
        assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in README


def test_the_short_run_shortens_every_stage():
    [line] = [line for line in README.splitlines() if "warm_start.sft_reasoning.trainer.max_steps" in line]
    command, verb, option, name, *overrides = line.split()
    assert (command, verb, option) == ("emocal-rl", "train", "--recipe")
    whole, short = recipe.load(name), recipe.load(name, overrides)
    for long, stage in zip(whole.stages, short.stages, strict=True):
        assert stage.trainer["max_steps"] < 0.25 * long.trainer["max_steps"]


def test_the_algorithms_table_is_the_committed_result():
    results = json.loads((ROOT / "benchmarks" / "results" / "algorithms.json").read_text("utf-8"))
    page = (ROOT / "docs" / "sweeps.md").read_text("utf-8").split("## GRPO, RLOO and PPO")[1]
    variants = results["splits"]["unseen_style"]["variants"]
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert rows.keys() == variants.keys()
    for name, found in variants.items():
        assert (
            " | ".join(f"{found['after'][metric]['value']:.3f}" for metric in ("brier", "ece_10", "auroc"))
            in rows[name]
        )
        if gap := found["contrast"]:
            for metric in ("brier", "auroc"):
                value, low, high = (gap[metric][part] for part in ("value", "low", "high"))
                assert f"{value:+.3f} [{low:+.3f}, {high:+.3f}]" in rows[name]


def test_every_path_in_the_file_list_exists():
    listed = README.split("```\nsrc/emocal_rl/\n")[1].split("```")[0]
    for line in listed.splitlines():
        for name in line.strip().split("  ")[0].split():
            inside = ROOT / "src" / "emocal_rl" if line.startswith("  ") else ROOT
            assert list(inside.glob(name)), name


def test_the_text_recipes_table_is_the_committed_report():
    results = json.loads((ROOT / "docs" / "results" / "text_vader_smollm2" / "metrics.json").read_text("utf-8"))
    page = (ROOT / "docs" / "paper_scale.md").read_text("utf-8")
    page = page.split("## A pretrained model")[1].split("## On verl")[0]
    for split, when in ((s, w) for s in ("unseen_words", "emoticons") for w in ("before", "after")):
        found = {name: each["value"] for name, each in results["splits"][split]["systems"][when]["metrics"].items()}
        numbers = " | ".join(f"{found[name]:.3f}" for name in ("brier", "ece_10", "auroc"))
        shares = " | ".join(f"{found[name]:.1%}".replace("%", " %") for name in ("accuracy", "parse_rate"))
        assert f"{numbers} | {shares} |" in page
    for split in ("unseen_words", "emoticons"):
        gap = results["splits"][split]["differences"]["before"]["brier"]
        assert f"({gap['value']:+.3f} [{gap['low']:.3f}, {gap['high']:.3f}])" in page


def test_the_distribution_recipes_table_is_the_committed_report():
    folder = ROOT / "docs" / "results" / "text_vader_smollm2_distribution"
    results = json.loads((folder / "metrics.json").read_text("utf-8"))
    page = (ROOT / "docs" / "paper_scale.md").read_text("utf-8")
    page = page.split("text/vader_smollm2_distribution` states")[1].split("## On verl")[0]
    for split, when in ((s, w) for s in ("unseen_words", "emoticons") for w in ("before", "after")):
        each = results["splits"][split]
        found = {name: value["value"] for name, value in each["systems"][when]["metrics"].items()}
        found["rps"] = each["distributions"][when]["ranked_probability"]["value"]
        numbers = " | ".join(f"{found[name]:.3f}" for name in ("rps", "brier", "ece_10"))
        shares = " | ".join(f"{found[name]:.1%}".replace("%", " %") for name in ("accuracy", "parse_rate"))
        assert f"{numbers} | {shares} |" in page
    for split, name in (("unseen_words", "accuracy"), ("unseen_words", "brier"), ("emoticons", "brier")):
        gap = results["splits"][split]["differences"]["before"][name]
        assert f"{gap['value']:+.3f} [{gap['low']:.3f}, {gap['high']:.3f}]" in page
