"""Names of repositories on the hub as users write them: ``hub:owner/name[@revision]``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from linvt_cli.errors import ConfigError

PREFIX = "hub:"
DEFAULT_REVISION = "main"
LOCAL_OWNER = "local"
"""Stands for the owner where a copy was made from a folder of the user's."""

_PART = r"[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?"
_REPO = re.compile(rf"{_PART}/{_PART}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./+-]{0,199}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository at a revision. Its names are safe as names of folders.

    Raises:
        ConfigError: if the hub could not have such names.
    """

    repo: str  # "owner/name"
    revision: str = DEFAULT_REVISION  # commit, branch or tag

    def __post_init__(self) -> None:
        """Refuse names that the hub refuses too."""
        # The hub keeps "--" for itself: so "owner--name" is the name of one repository's folder.
        if not _REPO.fullmatch(self.repo) or "--" in self.repo or ".." in self.repo:
            raise ConfigError(
                f"'{self.repo}' is no name of a repository. Expected owner/name",
                field="model",
                hint="--model hub:owner/name",
            )
        if not _REVISION.fullmatch(self.revision) or ".." in self.revision:
            raise ConfigError(
                f"'{self.revision}' is no revision. Expected a commit, a branch or a tag",
                field="model",
                hint="--model hub:owner/name@main",
            )

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return is_commit(self.revision)

    def __str__(self) -> str:
        """Return what users write for it."""
        revision = "" if self.revision == DEFAULT_REVISION else f"@{self.revision}"
        return f"{PREFIX}{self.repo}{revision}"


def is_commit(revision: str) -> bool:
    """Whether a revision is a commit in full length."""
    return _COMMIT.fullmatch(revision) is not None


def names_repository(model: str) -> bool:
    """Whether a model is named by its repository."""
    return model.startswith(PREFIX)


def names_folder(model: str) -> bool:
    """Whether a model is named by the folder of its files."""
    return not names_repository(model) and ("/" in model or os.sep in model or model[:1] in ".~")


def parse_source(text: str) -> HubSource:
    """Read ``hub:owner/name[@revision]``.

    Raises:
        ConfigError: if the text is something else.
    """
    if not names_repository(text):
        raise ConfigError(
            f"'{text}' does not name a repository. Expected {PREFIX}owner/name",
            field="model",
            hint="--model hub:owner/name",
        )
    repo, _, revision = text.removeprefix(PREFIX).partition("@")
    return HubSource(repo, revision or DEFAULT_REVISION)


def likely_name(text: str, catalogue: Mapping[HubSource, str]) -> str | None:
    """Return how to name the repository that a user may have meant by ``owner/name``.

    None where the hub could have no such repository.

    Args:
        text: what the user wrote, where a folder of this name is missing.
        catalogue: the names that repositories have in linvt.
    """
    try:
        source = parse_source(f"{PREFIX}{text}")
    except ConfigError:
        return None
    return catalogue.get(source, str(source))
