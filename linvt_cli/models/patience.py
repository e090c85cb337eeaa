"""How long failures that may pass are waited for."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from linvt_cli.errors import ConnectionLostError, HubUnavailableError

OnRetry = Callable[[str, float], None]
"""Called with why something is tried again, and in how many seconds."""


@dataclass(frozen=True, slots=True)
class Patience:
    """When to try again. All times are seconds."""

    attempts: int = 6  # in a row that bring nothing
    first_wait: float = 1.0  # doubled each time
    longest_wait: float = 30.0
    longest_asked: float = 300.0  # that a server may ask for

    def wait(
        self, failures: int, error: ConnectionLostError | HubUnavailableError, on_retry: OnRetry
    ) -> None:
        """Wait after so many failures in a row.

        Raises:
            ConnectionLostError, HubUnavailableError: the failure, if waiting is not worth it.
        """
        seconds = self._seconds(failures, error)
        if failures >= self.attempts or seconds > self.longest_asked:
            raise error
        on_retry(error.message, seconds)
        time.sleep(seconds)

    def _seconds(self, failures: int, error: ConnectionLostError | HubUnavailableError) -> float:
        if isinstance(error, HubUnavailableError) and error.retry_after is not None:
            return error.retry_after
        longest = min(self.longest_wait, self.first_wait * 2.0 ** (failures - 1))
        # Clients that lost one server together should not come back together.
        return longest * random.uniform(0.5, 1.0)  # noqa: S311
