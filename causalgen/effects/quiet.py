"""DoWhy without its log lines, warnings and draws from numpy's global generator; all settings are restored."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

__all__ = ["quiet_dowhy"]


@contextmanager
def quiet_dowhy() -> Iterator[None]:
    """Silence DoWhy inside the block; the log level and numpy's global random state are restored afterwards."""
    logger = logging.getLogger("dowhy")
    level, state = logger.level, np.random.get_state()  # noqa: NPY002 - DoWhy draws from it
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        np.random.set_state(state)  # noqa: NPY002
