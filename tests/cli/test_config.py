from __future__ import annotations

import json
import os
from inspect import signature
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.main import get_command

from linvt_cli.cli.app import app, run
from linvt_cli.cli.ask import ask
from linvt_cli.cli.config import defaults_of_command
from linvt_cli.errors import MachineError
from linvt_cli.settings.table import SETTINGS


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The user's configuration file, which is not there yet."""
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    return tmp_path / "config.toml"


def frames_asked(capsys) -> int:
    count: int = json.loads(capsys.readouterr().out)["frames"]["count"]
    return count


def commands() -> dict[str, Any]:
    """Return the commands as they are parsed."""
    found: dict[str, Any] = vars(get_command(app))["commands"]
    return found


ASK = ["ask", "--json", "--quiet", "-q", "What?"]


def test_an_option_beats_the_environment_that_beats_the_file_that_beats_the_default(
    file, loads, video, capsys, monkeypatch
):
    assert run([*ASK, str(video)]) == 0
    assert frames_asked(capsys) == 4  # the fake's own number
    file.write_text("frames = 3\n", encoding="utf-8")
    assert run([*ASK, str(video)]) == 0
    assert frames_asked(capsys) == 3
    monkeypatch.setenv("LINVT_FRAMES", "2")
    assert run([*ASK, str(video)]) == 0
    assert frames_asked(capsys) == 2
    assert run([*ASK, str(video), "--frames", "1"]) == 0
    assert frames_asked(capsys) == 1


@pytest.mark.parametrize("command", ["ask", "describe"])
def test_every_setting_of_the_model_reaches_it_from_the_file(file, loads, video, command):
    file.write_text(
        'model = "qwen2-vl-2b"\ntokenizer = "mean"\ndevice = "cpu"\nquant = "nf4"\n'
        'dtype = "float16"\n',
        encoding="utf-8",
    )
    assert run([command, str(video), *(["What?"] if command == "ask" else []), "--quiet"]) == 0
    (call,) = loads
    assert (call["model"], call["tokenizer"], call["device"]) == ("qwen2-vl-2b", "mean", "cpu")
    assert (call["quantization"], call["dtype"]) == ("nf4", "float16")


def test_offline_in_the_file_can_be_taken_back_on_the_command_line(file, loads, video, monkeypatch):
    file.write_text("offline = true\n", encoding="utf-8")
    monkeypatch.setenv("HF_HUB_OFFLINE", "as it was")
    assert run([*ASK, str(video), "--no-offline"]) == 0
    assert os.environ["HF_HUB_OFFLINE"] == "as it was"
    assert run([*ASK, str(video)]) == 0
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_frames_that_were_set_once_give_way_to_times_and_rates(file, loads, video, capsys):
    file.write_text("frames = 2\n", encoding="utf-8")
    for rule, count in ((["--at", "0,1,2"], 3), (["--fps", "5"], 15)):
        assert run([*ASK, str(video), *rule]) == 0
        assert frames_asked(capsys) == count
    assert run([*ASK, str(video), "--fps", "5", "--frames", "6"]) == 0
    assert frames_asked(capsys) == 6


def test_without_a_home_folder_help_and_doctor_work_and_questions_tell(monkeypatch, capsys, video):
    def homeless(kind: str) -> Path:
        raise MachineError("This user has no home folder", hint="set HOME")

    monkeypatch.setattr("linvt_cli.settings.file.user_folder", homeless)
    assert run(["ask", "--help"]) == 0
    assert run(["ask", str(video), "Who?"]) == 6
    assert capsys.readouterr().err == "error: This user has no home folder\nhint: set HOME\n"


def test_a_broken_file_stops_a_question_and_not_the_help(file, video, capsys):
    file.write_text("modle = 1\n", encoding="utf-8")
    assert run(["ask", str(video), "What?"]) == 2
    assert capsys.readouterr() == (
        "",
        f"error: There is no setting 'modle': '{file}', line 1\n"
        "hint: did you mean model? To remove it: linvt config unset modle\n",
    )
    assert run(["ask", "--help"]) == 0
    assert run(["config", "path"]) == 0
    assert run(["models", "list"]) == 0


def test_a_wrong_value_in_the_environment_is_refused_by_name(file, video, capsys, monkeypatch):
    monkeypatch.setenv("LINVT_FRAMES", "many")
    assert run(["ask", str(video), "What?"]) == 2
    assert "LINVT_FRAMES" in capsys.readouterr().err
    assert run(["config", "show"]) == 2
    assert "error: LINVT_FRAMES is 'many'. Expected" in capsys.readouterr().err


def test_show_says_where_each_value_comes_from(file, capsys, monkeypatch):
    file.write_text('# mine\nmodel = "nano"\noffline = true\n', encoding="utf-8")
    monkeypatch.setenv("LINVT_MODEL", "qwen2-vl-2b")
    assert run(["config", "show"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == [setting.key for setting in SETTINGS]
    assert ["model", "qwen2-vl-2b", "LINVT_MODEL"] in rows
    assert ["offline", "true", f"{file}:3"] in rows
    assert ["quant", "auto", "default"] in rows
    assert ["frames", "-", "default"] in rows


def test_show_as_json_keeps_the_types(file, capsys):
    file.write_text("frames = 8\n", encoding="utf-8")
    assert run(["config", "show", "--json"]) == 0
    rows = {row["key"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["frames"] == {
        "key": "frames",
        "value": 8,
        "source": "file",
        "place": f"{file}:1",
    }
    assert rows["model"]["value"] is None


def test_what_is_set_is_shown_and_what_is_unset_is_gone(file, capsys):
    assert run(["config", "set", "frames", "12"]) == 0
    assert capsys.readouterr() == ("", f"frames is 12 in {file}\n")
    assert file.read_text(encoding="utf-8") == "frames = 12\n"
    assert run(["config", "unset", "frames"]) == 0
    assert run(["config", "unset", "frames"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"frames is no longer set in {file}",
        f"frames was not set in {file}",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["set", "modle", "x"], 2, "There is no setting 'modle'"),
        (["unset", "modle"], 2, "There is no setting 'modle'"),
        (["set", "frames", "0"], 2, "frames is '0'. Expected a whole number of 1 or more"),
        (["set", "model", "nanoo"], 4, "Unknown backbone 'nanoo'"),
        (["set", "model", "./nowhere"], 4, "nowhere"),
        (["set", "model", "hub:nobody"], 2, "'nobody' is no name of a repository"),
    ],
    ids=[
        "set a wrong key",
        "unset a wrong key",
        "set a wrong value",
        "set a wrong name",
        "set a folder that is not there",
        "set a wrong repository",
    ],
)
def test_what_makes_no_sense_is_not_written(file, capsys, arguments, code, message):
    assert run(["config", *arguments]) == code
    assert message in capsys.readouterr().err
    assert not file.exists()


def test_a_folder_means_the_same_in_every_working_folder(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}", encoding="utf-8")
    assert run(["config", "set", "model", "./mine"]) == 0
    assert f'model = "{tmp_path}/mine"' in file.read_text(encoding="utf-8")


def test_an_unknown_key_of_the_file_can_be_removed(file, capsys):
    file.write_text("frames = 8\nmodle = 1\n", encoding="utf-8")
    assert run(["config", "unset", "modle"]) == 0
    assert file.read_text(encoding="utf-8") == "frames = 8\n"


def test_setting_what_the_environment_overrides_is_said(file, capsys, monkeypatch):
    monkeypatch.setenv("LINVT_FRAMES", "2")
    assert run(["config", "set", "frames", "12"]) == 0
    assert "warning: LINVT_FRAMES is set in the environment" in capsys.readouterr().err


def test_the_path_is_one_line(file, capsys):
    assert run(["config", "path"]) == 0
    assert capsys.readouterr() == (f"{file}\n", "")


def test_every_setting_is_the_option_of_its_name_with_the_same_choices_and_default():
    options = {option.name: option for option in commands()["ask"].params}
    hints = {
        name: get_args(p.annotation)[0]
        for name, p in signature(ask, eval_str=True).parameters.items()
        if name != "context"
    }
    for setting in SETTINGS:
        option = options[setting.parameter]
        assert option.opts == [f"--{setting.key}"]
        assert (option.envvar, option.default) == (setting.variable, setting.default)
        kinds = get_args(hints[setting.parameter])  # of a Literal, or of a union with None
        words = [word for kind in kinds for word in get_args(kind) or (kind,)]
        assert tuple(word for word in words if isinstance(word, str)) == setting.choices


def test_the_commands_that_answer_take_every_setting():
    for name in ("ask", "describe"):
        parameters = {parameter.name for parameter in commands()[name].params}
        assert {setting.parameter for setting in SETTINGS} <= parameters


def test_an_option_that_only_shares_the_name_of_a_setting_is_asked_for_every_time():
    values = {setting.parameter: "set" for setting in SETTINGS}
    assert set(defaults_of_command(commands()["train"], values)) == {"model", "device"}
    evaluate = defaults_of_command(commands()["evaluate"], values)
    assert set(evaluate["world"]) == {"model", "device"}
    assert "max_new_tokens" not in evaluate["mvbench"]
    assert {"model", "frames"} <= set(evaluate["mvbench"])


def test_a_number_format_for_answers_does_not_stop_training(file, tmp_path, capsys):
    file.write_text('dtype = "float16"\n', encoding="utf-8")
    assert run(["train", "none.jsonl", "--model", "nano", "-o", str(tmp_path / "run")]) == 3
    assert "dtype" not in capsys.readouterr().err
