"""stdout of every command: the same bytes in a pipe, a file and terminals of all kinds.

What is special about answers is in ``test_purity``. A command that is not named here fails a test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from linvt_cli.cli.app import app
from linvt_cli.cli.benchmark_options import TITLES
from tests.cli.processes import FAKE, REAL, Finished, Kind, run_linvt, run_warm
from tests.evaluation import samples
from tests.video_tokenizer.test_package import NANO

PLACES: tuple[tuple[str, Kind, tuple[str, ...], dict[str, str]], ...] = (
    ("a terminal", "terminal", (), {"TERM": "xterm-256color"}),
    ("a dumb terminal", "terminal", (), {"TERM": "dumb", "NO_COLOR": "1"}),
    ("a file, quietly", "file", ("--quiet",), {"FORCE_COLOR": "1", "COLUMNS": "20"}),
)
HERE = PLACES if "LINVT_LONG_TESTS" in os.environ else PLACES[:1]  # all of them take minutes
CONTROLS = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")  # all but line ends
TIMES = {"seconds", "last_used"}


@dataclass(frozen=True, slots=True)
class Case:
    """A command line; ``{}`` stands for a folder of its own, with ``clip.mp4`` in it."""

    line: str
    form: str = "text"
    code: int = 0
    prepare: Callable[[Path], object] = lambda folder: None
    typed: bytes | None = None

    @property
    def name(self) -> str:
        """The command, without what follows it."""
        words = self.line.split()
        return " ".join(words[: 2 if words[0] in GROUPS else 1])

    @property
    def command(self) -> tuple[str, ...]:
        """How linvt is started: with a fake model where one answers."""
        return FAKE if self.name in ANSWERING else REAL


def training_data(folder: Path) -> None:
    entry = {"video": "clip.mp4", "question": "What?", "answer": "Grey."}
    (folder / "data.jsonl").write_text(json.dumps(entry) + "\n")


def public_data(folder: Path) -> None:
    qa = [{"q": "Who?", "a": "A dog."}]
    (folder / "public.json").write_text(json.dumps([{"video": "clip.mp4", "QA": qa}]))


def benchmark(folder: Path) -> None:
    samples.next_qa(folder / "data", folder / "clip.mp4")


def two_runs(folder: Path) -> None:
    """The results of two runs, made once."""
    kept = folder.parent / "two runs"
    if not kept.exists():
        benchmark(folder)
        for name in "ab":
            line = f"evaluate next-qa --data {folder}/data -o {folder}/{name} --model nano"
            assert run_warm(*line.split()).code in (0, 7)
        shutil.copytree(folder, kept)
    shutil.copytree(kept, folder, dirs_exist_ok=True)


ANSWERING = ("ask", "describe", "chat", "explain", "tokens make", "evaluate next-qa")
GROUPS = ("models", "config", "tokens", "data", "evaluate")
CASES = (
    Case("--version"),
    Case("ask {}/clip.mp4 What? -q Who?"),
    Case("ask {}/clip.mp4 What? -q Who? --json", "json"),
    Case("ask {}/clip.mp4 What? --jsonl --choices Yes,No", "jsonl"),
    Case("ask {}/clip.mp4 {}/none.mp4 What?", code=7),
    Case("ask {}/clip.mp4 {}/none.mp4 What? --json", "json", code=7),
    Case("ask {}/clip.mp4 {}/none.mp4 What? --jsonl", "jsonl", code=7),
    Case("ask {}/clip.mp4 {}/none.mp4 What? -o {}/rows.csv", code=7),
    *(
        Case(f"describe {{}}/clip.mp4 --every 2 --format {form}", form)
        for form in ("text", "json", "jsonl", "md", "srt", "vtt")
    ),
    Case("describe {}/clip.mp4 -o {}/told.md"),
    Case("chat {}/clip.mp4", typed=b"What?\n/frames\n"),
    Case("chat {}/clip.mp4 --jsonl", "jsonl", typed=b"What?\n/frames\n"),
    Case("explain {}/clip.mp4 What? -o {}/why.png"),
    Case("demo-clip {}/new.mp4"),
    Case("tokens make {}/clip.mp4 -o {}/clip.linvt --model nano"),
    Case("tokens list"),
    Case("tokens list --json", "json"),
    Case("tokens path"),
    Case("tokens remove --all"),
    Case("config path"),
    Case("config show"),
    Case("config show --json", "json"),
    Case("config set frames 8"),
    Case("config unset frames"),
    Case("models list"),
    Case("models list --json", "json"),
    Case("models show nano"),
    Case("models show nano --json", "json"),
    Case(f"models pack {NANO} {{}}/packed --license MIT"),
    Case("data check {}/data.jsonl", prepare=training_data),
    Case("data check {}/data.jsonl --json", "json", prepare=training_data),
    Case("data convert videochat2 {}/public.json -o {}/new.jsonl", prepare=public_data),
    Case("data world -o {}/new --clips 1"),
    Case("train {}/data.jsonl -o {}/run --model nano --steps 1 --stage align --frames 2",
         prepare=training_data),
    Case("evaluate world --clips 1 --questions 1 --foreign 0"),
    Case("evaluate world --clips 1 --questions 1 --foreign 0 --json", "json"),
    Case("evaluate next-qa --data {}/data --model nano", prepare=benchmark),
    Case("evaluate next-qa --data {}/data --model nano --json", "json", prepare=benchmark),
    Case("evaluate compare {}/a {}/b", prepare=two_runs),
    Case("evaluate compare {}/a {}/b --json", "json", prepare=two_runs),
    Case("doctor folders --json", "json"),
    Case("quantize nano --to nf4", code=2),
)  # fmt: skip


WITH_STORE = (
    Case("models list"),
    Case("models list --json", "json"),
    Case("models show qwen2-vl-2b"),
    Case("models verify"),
    Case("models path qwen2-vl-2b"),
    Case("models pull hub:me/mine"),
    Case("models prune"),
    Case("models remove hub:me/mine"),
)


@pytest.fixture
def folder(tmp_path: Path, video: Path) -> Callable[[], Path]:
    """Make a folder of one name with a clip in it, anew each time."""

    def make() -> Path:
        place = tmp_path / "in"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        shutil.copy(video, place / "clip.mp4")
        return place

    return make


@pytest.mark.timeout(400)  # seven runs, some of which load torch
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.line)
def test_the_bytes_are_the_same_everywhere(case, folder, tmp_path):
    def finished(place: Kind, more: tuple[str, ...], variables: dict[str, str]) -> Finished:
        home = tmp_path / "home"
        shutil.rmtree(home, ignore_errors=True)
        return run_case(case, folder(), place, more, {**variables, "LINVT_HOME": str(home)})

    check_everywhere(case, finished)


@pytest.mark.parametrize("case", WITH_STORE, ids=lambda case: case.line)
def test_those_about_pulled_models_too(case, pulled, folder, tmp_path):
    kept = tmp_path / "kept"
    shutil.copytree(os.environ["LINVT_HOME"], kept, symlinks=True)

    def finished(place: Kind, more: tuple[str, ...], variables: dict[str, str]) -> Finished:
        home = tmp_path / "home"
        shutil.rmtree(home)
        shutil.copytree(kept, home, symlinks=True)
        online = {"HF_ENDPOINT": pulled.endpoint, "HF_HUB_OFFLINE": "0", "LINVT_HOME": str(home)}
        return run_case(case, folder(), place, more, {**variables, **online})

    check_everywhere(case, finished)


def run_case(
    case: Case, folder: Path, place: Kind, more: tuple[str, ...], variables: dict[str, str]
) -> Finished:
    """Run a command once with stdout and stderr at the same place."""
    # The hub's address is read while libraries are imported.
    run = run_linvt if "HF_ENDPOINT" in variables else run_warm
    case.prepare(folder)
    words = [word.replace("{}", str(folder)) for word in case.line.split()]
    more = more if takes_quiet(case.name) else ()
    return run(
        *words,
        *more,
        command=case.command,
        typed=case.typed,
        stdout=place,
        stderr=place,
        **variables,
    )


def check_everywhere(case: Case, finished: Callable[..., Finished]) -> None:
    """Fail unless stdout holds what it should, and the same at every place."""
    expected = finished("pipe", (), {})
    assert expected.code == case.code, expected.stderr.decode()
    assert not CONTROLS.search(expected.stdout)
    assert expected.stdout.endswith(b"\n") or not expected.stdout
    for name, place, more, variables in HERE:
        done = finished(place, more, variables)
        assert done.code == case.code, (name, done.stderr.decode())
        assert content_of(case.form, done.stdout) == content_of(case.form, expected.stdout), name


def content_of(form: str, stdout: bytes) -> object:
    """Return what stdout says, without what differs from run to run."""
    if form == "json":
        assert stdout[:1] in (b"{", b"[")
        assert stdout[-2:] in (b"}\n", b"]\n")
        return without_times(json.loads(stdout))
    if form == "jsonl":
        return [without_times(json.loads(line)) for line in stdout.splitlines()]
    return stdout


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_times(each) for name, each in value.items() if name not in TIMES}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def takes_quiet(name: str) -> bool:
    """Whether a command has the option ``--quiet``."""
    command: Any = get_command(app)
    for word in name.split():
        command = getattr(command, "commands", {}).get(word)
    return command is not None and any("--quiet" in each.opts for each in command.params)


def commands(command: Any = None, before: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the name of every command of the app."""
    command = command or get_command(app)
    nested = getattr(command, "commands", None)
    if nested is None:
        yield " ".join(before)
        return
    for name, each in nested.items():
        yield from commands(each, (*before, name))


def test_every_command_is_looked_at():
    seen = {case.name for case in (*CASES, *WITH_STORE)}
    alike = {f"evaluate {name}" for name in TITLES}  # one function runs all benchmarks
    assert set(commands()) - alike <= seen
    assert alike & seen
