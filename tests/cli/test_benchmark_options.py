from __future__ import annotations

import pytest

from linvt_cli.cli.benchmark_options import TAKES, TITLES, BenchmarkOptions, JudgeOptions
from linvt_cli.errors import ConfigError
from linvt_cli.evaluation.benchmarks import BENCHMARKS


def test_the_names_are_those_of_the_table():
    assert {name: each.title for name, each in BENCHMARKS.items()} == TITLES


def test_what_a_benchmark_takes_is_what_it_does_not_refuse():
    for name, benchmark in BENCHMARKS.items():
        has = {
            "by": benchmark.rule is not None,
            "split": len(benchmark.splits) > 1,
            "subtitles": benchmark.has_subtitles,
            "judge": benchmark.judged is not None,
            "embedding": benchmark.judged == "meaning",
        }
        assert {use for use, is_there in has.items() if is_there} == TAKES[name]


@pytest.mark.parametrize(
    ("benchmark", "chosen", "said"),
    [
        ("mvbench", {"split": "val"}, "MVBench has no split 'val'. Expected test"),
        ("mvbench", {"subtitles": True}, "MVBench has no subtitles"),
        ("msvd-qa", {"by": "letter-likelihood"}, "MSVD-QA has no options"),
        (
            "video-mme",
            {"by": "text-likelihood", "subtitles": True},
            "--by text-likelihood shows the question alone, without --subtitles",
        ),
        ("mvbench", {"resume": True}, "--resume needs --output"),
        ("mvbench", {"retry_errors": True}, "--retry-errors needs --resume"),
        ("mvbench", {"judge": JudgeOptions("exact")}, "MVBench is scored by a rule"),
        ("mm-vet", {"judge": JudgeOptions("local")}, "--judge and --judge-model belong together"),
        ("mm-vet", {"judge": JudgeOptions(None, "m")}, "--judge and --judge-model belong together"),
        ("mlvu-generation", {}, "The answers of MLVU dev (generation) can only be scored by a"),
        ("mlvu-generation", {"judge": JudgeOptions("exact")}, "The answers of MLVU dev"),
        ("mlvu-generation", {"judge": JudgeOptions("local")}, "--judge and --judge-model belong"),
        ("mm-vet", {"judge": JudgeOptions("http://x", "m", embedding=0.8)}, "MM-Vet is not scored"),
        ("mvbench", {"judge": JudgeOptions(embedding=0.8)}, "MVBench is scored by a rule"),
        ("msvd-qa", {"judge": JudgeOptions(embedding=0.8)}, "--judge and --judge-model belong"),
        ("msvd-qa", {"judge": JudgeOptions("local", "m", embedding=0.8)}, "--judge local has no"),
        ("msvd-qa", {"judge": JudgeOptions("exact", embedding=0.8)}, "--judge exact has no emb"),
        ("mm-vet", {"judge": JudgeOptions("exact", "m")}, "--judge exact has no model"),
    ],
)
def test_what_contradicts_the_benchmark_is_refused(benchmark, chosen, said):
    with pytest.raises(ConfigError) as caught:
        BenchmarkOptions("data", **chosen).check(BENCHMARKS[benchmark])
    assert caught.value.message.startswith(said)


def test_what_suits_the_benchmark_is_taken():
    chosen = BenchmarkOptions("data", split="full", folder="out", resume=True, retry_errors=True)
    chosen.check(BENCHMARKS["egoschema"])
    BenchmarkOptions("data", judge=JudgeOptions("local", "nano")).check(BENCHMARKS["mm-vet"])
    BenchmarkOptions("data", subtitles=True).check(BENCHMARKS["video-mme"])
    BenchmarkOptions("data", by="text-likelihood").check(BENCHMARKS["video-mme"])
    chosen = BenchmarkOptions("data", by="letter-likelihood", subtitles=True)
    chosen.check(BENCHMARKS["longvideobench"])
