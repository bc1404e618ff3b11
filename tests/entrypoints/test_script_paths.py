"""The contract's script paths: each is its `homefeed` subcommand, from any folder, with nothing installed but what it imports."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import click
import pytest

from homefeed.cli import cli

SOURCE = Path(__file__).parents[2] / "src"
SCRIPTS = {
    "etl/preprocessor.py": "etl",
    "training/train_recall_dssm_pointwise.py": "train recall",
    "training/train_recall_dssm_inbatch.py": "train recall",
    "training/train_rank_deepfm.py": "train rank",
    "serving/export_to_redis.py": "export",
    "serving/recall_api.py": "serve",
}


def command_of(words: str) -> click.Command:
    command: click.Command = cli
    for word in words.split():
        assert isinstance(command, click.Group)
        command = command.commands[word]
    return command


@pytest.mark.parametrize(("script", "words"), SCRIPTS.items())
def test_a_script_takes_the_flags_of_its_command(script: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SOURCE / script), run_name="__main__")
    assert end.value.code == 0
    printed = capsys.readouterr().out
    flags = [option.opts[0] for option in command_of(words).params if isinstance(option, click.Option)]
    assert [flag for flag in flags if flag not in printed] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_an_entry_point_without_logic(script: str) -> None:
    lines = [line for line in (SOURCE / script).read_text().splitlines() if line.strip()]
    assert len(lines) <= 15


@pytest.mark.parametrize("script", ["etl/preprocessor.py", "serving/recall_api.py"])
def test_a_script_runs_in_any_folder_from_a_bare_checkout(script: str, tmp_path: Path) -> None:
    """A checkout that nobody installed: its own ``src`` comes first, whatever else is on the path."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "src").symlink_to(SOURCE)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "homefeed").mkdir(parents=True)
    (elsewhere / "homefeed" / "__init__.py").write_text("raise ImportError('not this one')")
    words = [sys.executable, str(checkout / "src" / script), "--help"]
    run = subprocess.run(words, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(elsewhere)}, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_script_fails_with_one_message_in_an_empty_folder(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, str(SOURCE / "training/train_rank_deepfm.py")], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == "Error: No processed data in data/processed. Expected meta.json and the tables beside it. Make them: homefeed etl.\n"


def test_rank_service_is_where_the_contract_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    from homefeed.serving.rank_service import RankService

    assert runpy.run_path(str(SOURCE / "serving" / "rank_service.py"))["RankService"] is RankService


def test_python_m_homefeed_is_the_command(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-m", "homefeed", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert "live, personalised home feed" in run.stdout
