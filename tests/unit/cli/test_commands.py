"""The command line: help everywhere, exit codes 0, 1 and 2, one clear message and never a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from homefeed import __version__
from homefeed.cli import cli, run_command
from homefeed.core.errors import HomefeedError
from homefeed.simulation.planted import planted_taste_shop

COMMANDS = ["demo", "run", "etl", "validate", "train", "train recall", "train rank", "export", "serve", "evaluate", "leak-check", "status"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`homefeed WORDS` in an empty folder: exit code, output, errors."""
    for name in ("RECSYS_REDIS_HOST", "RECSYS_REDIS_PORT", "RECSYS_REDIS_DB", "RECSYS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def homefeed(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["homefeed", *words])
        with pytest.raises(SystemExit) as end:
            run_command(cli)
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    return homefeed


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command: str, run: Run) -> None:
    code, out, err = run(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert "Usage:" in out
    known = cli.commands.get(command)
    assert known is None or (known.help or "") in out


def test_the_commands_are_those_of_the_readme(run: Run) -> None:
    assert set(cli.commands) == {"demo", "run", "etl", "validate", "train", "export", "serve", "evaluate", "leak-check", "simulate", "status"}
    assert run("--version")[1].strip().endswith(__version__)


def test_every_flag_says_what_it_does() -> None:
    groups = [command for command in cli.commands.values() if isinstance(command, click.Group)]
    commands = [*cli.commands.values(), *(sub for group in groups for sub in group.commands.values())]
    silent = [(command.name, option.opts) for command in commands for option in command.params if isinstance(option, click.Option) and not option.help]
    assert silent == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nonsense"], "No such command"),
        (["etl", "--nonsense"], "No such option"),
        (["etl", "--split", "sideways"], "'sideways' is not one of 'global', 'per-user'"),
        (["export", "--port", "many"], "'many' is not a valid integer"),
        (["train", "recall", "--objective"], "requires an argument"),
    ],
)
def test_wrong_usage_is_exit_2_with_the_reason(words: list[str], complaint: str, run: Run) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert complaint in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["etl"], "data/raw_data/shop.dat is missing"),
        (["run", "--no-export"], "data/raw_data/shop.dat is missing"),
        (["train", "recall"], "No processed data in data/processed. Expected meta.json and the tables beside it. Make them: homefeed etl."),
        (["train", "rank"], "Make them: homefeed etl."),
        (["evaluate"], "Make them: homefeed etl."),
        (["export", "--host", "127.0.0.1", "--port", "1"], "Make them: homefeed etl."),
        (["export", "--rollback", "--host", "127.0.0.1", "--port", "1"], "Redis at 127.0.0.1:1"),
        (["status", "--host", "127.0.0.1", "--port", "1"], "Redis at 127.0.0.1:1"),
        (["etl", "--config", "absent.toml"], "absent.toml"),
        (["etl", "--data", "a-file"], "a-file"),
        (["train", "recall", "--data", "a-file"], "a-file"),
    ],
)
def test_a_failure_is_exit_1_and_names_the_place_and_the_next_step(words: list[str], what: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    code, _, err = run(*words)
    assert code == 1
    assert err.startswith("Error: ")
    assert what in err
    assert "Traceback" not in err


def test_validate_says_what_is_wrong_by_its_exit_code_and_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    code, out, err = run("validate")
    assert (code, err) == (1, "")
    for name in ("shop.dat", "user_feature.dat", "item_feature.dat"):
        assert f"data/raw_data/{name} is missing" in out
    assert list(tmp_path.iterdir()) == []
    planted_taste_shop(tmp_path / "data" / "raw_data", users=20, cold_users=2, items=12)
    code, out, _ = run("validate")
    assert code == 0
    assert "homefeed etl would run" in out
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["raw_data"]


def test_a_failed_command_leaves_no_half_of_anything(run: Run, tmp_path: Path) -> None:
    run("etl")
    run("train", "recall")
    files = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"]
    assert files == []


def test_a_mistake_in_the_settings_names_the_file_and_the_setting(run: Run, tmp_path: Path) -> None:
    (tmp_path / "homefeed.toml").write_text("[recal]\nhidden = 3\n")
    code, _, err = run("etl")
    assert code == 1
    assert "homefeed.toml" in err
    assert "recal" in err
    assert "recall" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HomefeedError("It is broken"), 1),
        (click.UsageError("So not"), 2),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (OSError(28, "No space left on device"), 1),
    ],
)
def test_whatever_ends_a_command_has_its_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(sys, "argv", ["homefeed"])
    with pytest.raises(SystemExit) as end:
        run_command(failing)
    assert end.value.code == code
    assert "Traceback" not in capsys.readouterr().err


def test_ctrl_c_ends_a_run_with_one_line_and_the_old_output_untouched(tmp_path: Path) -> None:
    raw = tmp_path / "data" / "raw_data"
    raw.mkdir(parents=True)
    (raw / "user_feature.dat").write_text("u1,a,b\n")
    (raw / "item_feature.dat").write_text("i1,a,b,c\n")
    (raw / "shop.dat").write_text("".join(f"{1_700_000_000 + n},u{n % 9999},i{n % 997},{n % 7 == 0:d}\n" for n in range(1_000_000)))
    process = subprocess.Popen([sys.executable, "-m", "homefeed", "etl"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    staging = tmp_path / "data" / "processed" / ".staging"
    end = time.monotonic() + 30
    while not staging.exists() and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.strip().endswith("Stopped.")
    assert [path.name for path in (tmp_path / "data" / "processed").iterdir()] == [".lock"]
