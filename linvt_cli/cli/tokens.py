"""``linvt tokens``: what is kept of videos that were looked at, and files of it to take along."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linvt_cli.cli import options
from linvt_cli.cli.default_model import settle_model
from linvt_cli.cli.interrupts import ended_by_sigterm, prompt_interrupt
from linvt_cli.cli.option_groups import FramesGroup, WatchingModelGroup, with_option_groups
from linvt_cli.cli.output import Output, printable
from linvt_cli.cli.output_files import output_file, require_new, write_file
from linvt_cli.cli.sizes import bytes_text, date_text, table
from linvt_cli.cli.watching import load_model, watch_video
from linvt_cli.config import GenerationConfig
from linvt_cli.errors import ConfigError, StoreError, TokenFileError, VideoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linvt_cli.pipeline import TokenCache
    from linvt_cli.pipeline.token_cache import CachedTokens
    from linvt_cli.pipeline.token_file import TokenFileSummary

tokens = typer.Typer(
    help="Make token files, and manage the cache of visual tokens",
    no_args_is_help=True,
)


@tokens.command()
@with_option_groups
def make(
    video: options.VideoArgument,
    file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="New file, named *.linvt")
    ],
    *,
    looked: FramesGroup,
    asked: WatchingModelGroup,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Look at a video once, and write what a model sees to a file that it can be asked about."""
    output = Output(quiet=quiet)
    with prompt_interrupt(), ended_by_sigterm(), output.sole_writer():
        from linvt_cli.pipeline import write_token_file
        from linvt_cli.video.files import names_token_file, regular_file

        if not names_token_file(file):
            raise ConfigError(
                f"'{file}' is no name of a token file", field="output", hint=f"-o {file}.linvt"
            )
        require_new(output_file(str(file), [video]), overwrite=force)
        looked.sampling(asked.default_frames)
        if names_token_file(regular_file(video)):
            raise ConfigError(
                f"'{video}' is a token file already",
                field="video",
                hint="name the video that it was made from, or use the file as it is",
            )
        asked = asked.doing(looked, GenerationConfig())
        qa = load_model(settle_model(asked, output), output)
        saved = qa.to_save(watch_video(qa, video, looked, output))
        size = write_file(file, lambda new: write_token_file(new, saved))
    output.line(str(file))
    output.notice(bytes_text(size))


@tokens.command("list")
def list_tokens(as_json: options.JsonOption = False) -> None:
    """List the videos of which something is kept, the last used first."""
    output = Output("json" if as_json else "text")
    kept = list(_readable())
    if as_json:
        for entry, summary in kept:
            output.record(_record(entry, summary))
        output.finish(as_list=True, may_be_empty=True)
        return
    rows = [
        (
            summary.identity.backbone,
            summary.identity.tokenizer,
            str(summary.num_frames),
            bytes_text(entry.size),
            date_text(entry.last_used),
            printable(summary.video),
        )
        for entry, summary in kept
    ]
    if rows:
        for line in table([("MODEL", "TOKENIZER", "FRAMES", "SIZE", "LAST USED", "VIDEO"), *rows]):
            output.line(line)
    output.notice(f"{bytes_text(sum(entry.size for entry, _ in kept))} in {_cache().folder}")


@tokens.command()
def remove(
    videos: Annotated[
        list[str] | None,
        typer.Argument(metavar="[VIDEO...]", help="Videos: files, or as they are listed"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all")] = False,
    quiet: options.QuietOption = False,
) -> None:
    """Remove what is kept of videos; the videos themselves stay."""
    if bool(videos) == everything:
        raise ConfigError("Name videos, or say --all", field="videos", hint="linvt tokens list")
    output = Output(quiet=quiet)
    if everything:
        _cache().sweep()
    gone = (
        _cache().entries()
        if everything
        else [entry for video in videos or () for entry in _of_video(video)]
    )
    for entry in gone:
        try:
            entry.path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"'{entry.path}' cannot be removed ({error.strerror})",
                hint="check the permissions of its folder",
            ) from error
    output.notice(f"{bytes_text(sum(entry.size for entry in gone))} removed")


@tokens.command()
def path() -> None:
    """Print the folder in which tokens are kept."""
    Output().line(str(_cache().folder))


def _cache() -> TokenCache:
    from linvt_cli.pipeline import TokenCache

    return TokenCache()


def _readable() -> Iterator[tuple[CachedTokens, TokenFileSummary]]:
    from linvt_cli.pipeline.token_file import summarize

    for entry in _cache().entries():
        try:
            yield entry, summarize(entry.path)
        except TokenFileError:
            continue  # nothing that a question would find


def _of_video(video: str) -> list[CachedTokens]:
    """Return what is kept of a video, there or not.

    Raises:
        ConfigError: if that is nothing.
    """
    from linvt_cli.pipeline.token_cache import known_fingerprint

    try:
        content = known_fingerprint(video).digest
    except VideoError:
        content = None
    found = [
        entry
        for entry, summary in _readable()
        if video in (summary.video, printable(summary.video))
        or (content is not None and summary.content == content)
    ]
    if not found:
        raise ConfigError(f"Nothing is kept of '{video}'", field="videos", hint="linvt tokens list")
    return found


def _record(entry: CachedTokens, summary: TokenFileSummary) -> dict[str, object]:
    return {
        "video": summary.video,
        "model": summary.identity.backbone,
        "tokenizer": summary.identity.tokenizer,
        "frames": summary.num_frames,
        "size": entry.size,
        "last_used": entry.last_used,
        "path": str(entry.path),
    }
