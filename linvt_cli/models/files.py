"""Where the files of a public model are on this machine."""

from __future__ import annotations

from pathlib import Path

from linvt_cli.errors import BackboneLoadError


def find_snapshot(repo: str, revision: str | None = None) -> Path:
    """Return the folder of a repository in the cache that all Hugging Face tools share.

    Opens no network connection.

    Args:
        repo: "owner/name" on the hub.
        revision: a commit; where left out, what the cache calls ``main``.

    Raises:
        BackboneLoadError: if the cache does not hold it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repo, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError, ValueError) as error:
        raise BackboneLoadError(
            f"The files of '{repo}' are not on this machine",
            hint=f"fetch them with: hf download {repo}; or name their folder with --weights",
        ) from error


def require_folder(folder: Path) -> Path:
    """Return a folder that the user named.

    Raises:
        BackboneLoadError: if it is no folder.
    """
    if not folder.is_dir():
        raise BackboneLoadError(
            f"'{folder}' is no folder", hint="name the folder with the model's config.json"
        )
    return folder
