"""The card of a finished run: its numbers are the report's, and its folder alone answers."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from small_run import write_small_run

from emocal_rl import recipe as recipes
from emocal_rl.data import emoji
from emocal_rl.errors import UserError
from emocal_rl.evaluate.checkpoint import find_checkpoint
from emocal_rl.evaluate.model_card import read_asked, write_asked, write_card
from emocal_rl.evaluate.predict import question_of
from emocal_rl.evaluate.report import write_report
from emocal_rl.evaluate.tables import shown


@pytest.fixture(scope="module")
def carded(tmp_path_factory):
    """(the model's folder, what metrics.json holds)."""
    run = write_small_run(tmp_path_factory.mktemp("card") / "run")
    recipe = recipes.load(str(run / "recipe.yaml"))
    folder = run / "models" / recipe.name
    metrics = write_report(run, lambda identity: None, resamples=0)
    write_asked(folder, recipe, recipe.stages[-1], emoji.load(2)["stage_three"][0])
    write_card(folder, recipe, metrics, {recipe.name: ["reward: sound: honesty pays most."]})
    return folder, metrics


def test_the_head_is_what_hubs_read(carded):
    _, head, body = (carded[0] / "README.md").read_text().split("---\n", 2)
    facts = yaml.safe_load(head)
    assert (facts["base_model"], facts["datasets"], facts["library_name"]) == ("tiny", ["emoji"], "transformers")
    assert body.lstrip().startswith("# grpo_brier\n")


def test_the_table_has_the_report_s_numbers(carded):
    folder, metrics = carded
    after = metrics["splits"]["validation"]["systems"]["after"]["metrics"]
    (row,) = [
        line for line in (folder / "README.md").read_text().splitlines() if line.startswith("| validation | this")
    ]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2:] == [
        shown(name, after[name]["value"])
        for name in ("accuracy", "brier", "ece_10", "auroc", "overconfidence", "parse_rate")
    ]


def test_it_says_how_it_was_trained_and_what_the_check_says(carded):
    text = (carded[0] / "README.md").read_text()
    assert "| grpo_brier | grpo | stage_three | 220 | `correct` 1, `brier` 1 |" in text
    assert "| sft_confidence | sft | stage_two | 400 | confidences by hit_rate |" in text
    assert "* reward: sound: honesty pays most." in text


def test_the_folder_alone_says_how_it_is_asked(carded, tmp_path):
    folder = tmp_path / "moved"
    shutil.copytree(carded[0], folder)
    checkpoint = find_checkpoint(str(folder))
    row = emoji.load(2)["stage_three"][0]
    assert (checkpoint.form, checkpoint.run) == ("emocaliber", None)
    assert question_of(checkpoint, None, None) == (row.question, list(row.candidates))
    assert question_of(checkpoint, "Why?", ["a"]) == ("Why?", ["a"])


def test_a_damaged_one_is_one_line(tmp_path: Path):
    assert read_asked(tmp_path) is None
    (tmp_path / "emocal_rl.json").write_text("{")
    with pytest.raises(UserError, match="emocal_rl.json is damaged; delete it, and say --question, --candidates"):
        find_checkpoint(str(tmp_path))


@pytest.mark.slow
def test_predict_from_the_folder_alone(cli, carded, tmp_path):
    picture = tmp_path / "picture.png"
    emoji.load(2)["validation"][0].image.save(picture)
    shutil.copytree(carded[0], tmp_path / "moved")
    done = cli("predict", str(picture), "--model", str(tmp_path / "moved"), "--max-new-tokens", "64", "--json")
    assert done.code == 0, done.err
    assert set(json.loads(done.out)) >= {"answer", "confidence", "fault"}
