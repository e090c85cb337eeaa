"""Scores of nano's world as a table and as a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from linvt_cli.evaluation.metrics import Tally
from linvt_cli.evaluation.world import WorldBenchmark, WorldReport

ORDER_AND_DIRECTION = ("first", "last", "after", "before", "direction")


def as_table(report: WorldReport) -> Iterator[str]:
    """Yield the lines of a Markdown table: one row for each kind, one column for each way."""
    ways = list(report.tallies)
    kinds = sorted({kind for row in report.tallies.values() for kind in row} - {"foreign"})
    yield f"| question kind | n | {' | '.join(ways)} |"
    yield f"|---|---|{'---|' * len(ways)}"
    for kind in kinds:
        yield _row(kind, [report.tallies[way].get(kind, Tally()) for way in ways])
    yield _row("**all**", [report.overall(way) for way in ways], interval=True)
    yield _row(
        "order and direction",
        [report.overall(way, kinds=ORDER_AND_DIRECTION) for way in ways],
        interval=True,
    )
    if any("foreign" in row for row in report.tallies.values()):
        yield _row("foreign clips", [report.overall(way, kinds=("foreign",)) for way in ways])


def _row(name: str, tallies: list[Tally], *, interval: bool = False) -> str:
    cells = []
    for tally in tallies:
        cell = f"{100 * tally.accuracy:.1f}" if tally.total else "-"
        if interval and tally.total:
            low, high = tally.interval()
            cell += f" ({100 * low:.1f} to {100 * high:.1f})"
        cells.append(cell)
    return f"| {name} | {max(tally.total for tally in tallies)} | {' | '.join(cells)} |"


def _sums(report: WorldReport, way: str) -> dict[str, Tally]:
    return {
        "all": report.overall(way),
        "order and direction": report.overall(way, kinds=ORDER_AND_DIRECTION),
        "foreign": report.overall(way, kinds=("foreign",)),
    }


def to_record(report: WorldReport, benchmark: WorldBenchmark) -> dict[str, object]:
    """Return the scores as plain data for JSON."""
    return {
        "schema_version": 1,
        "benchmark": "world",
        "settings": asdict(benchmark),
        "accuracy": {
            way: {
                "all": report.overall(way).accuracy,
                **{kind: tally.accuracy for kind, tally in sorted(row.items())},
            }
            for way, row in report.tallies.items()
        },
        "intervals": {
            way: {
                name: tally.interval() for name, tally in _sums(report, way).items() if tally.total
            }
            for way in report.tallies
        },
        "num_questions": {
            kind: max(row.get(kind, Tally()).total for row in report.tallies.values())
            for kind in sorted({kind for row in report.tallies.values() for kind in row})
        },
        "misses": [asdict(miss) for miss in report.misses],
    }
