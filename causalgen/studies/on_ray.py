"""Runs work in tasks of Ray, an optional extra; the only module that imports it.

A task whose process or machine is lost is started again by Ray, so what it does must be safe to repeat.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..errors import LostProcessError

__all__ = ["require_ray", "run_tasks"]

ADDRESS = "RAY_ADDRESS"
"""Environment variable with the address of a cluster, as Ray names it."""


def require_ray() -> Any:
    """The module `ray`.

    Raises:
        ImportError: The extra `ray` is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise ImportError(
            "Expected Ray for `--on ray`; it is not installed. Install the extra: pip install 'causalgen[ray]'."
        ) from error
    return ray


def run_tasks(work: Callable[[int], None], numbers: Iterable[int], at_once: int | None) -> Iterator[None]:
    """Call `work` with every number, each in a task, and yield one item for each call that has ended.

    The tasks run on the cluster that the program has already joined, else on that of `RAY_ADDRESS`, else on a cluster
    on this machine, which ends with the last task.

    Args:
        work: The function, which can be pickled; it may be called again with the same number if a process was lost.
        numbers: The numbers.
        at_once: Number of parallel tasks; None for the number of processors of the cluster.

    Raises:
        LostProcessError: Ray lost a task several times, or the cluster.
        Exception: What `work` raises.
    """
    ray = require_ray()
    joined = ray.is_initialized()
    try:
        if not joined:
            local = {"address": "local", "num_cpus": at_once, "include_dashboard": False}
            own = {} if ADDRESS in os.environ else local
            ray.init(log_to_driver=False, logging_level="ERROR", **own)
        yield from _ended(ray, work, list(numbers), at_once or int(ray.cluster_resources().get("CPU", 1)))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise LostProcessError(
            f"Expected Ray to run every task to its end; got {type(error).__name__}: {str(error).splitlines()[0]} Finished "
            "shards are kept: the same command continues from there."
        ) from error
    finally:
        if not joined:
            ray.shutdown()


def _ended(ray: Any, work: Callable[[int], None], numbers: list[int], at_once: int) -> Iterator[None]:
    """Yield one item for each task that has ended, and then start the next one."""
    task, held = ray.remote(_call), ray.put(work)
    running = [task.remote(held, number) for number in numbers[:at_once]]
    waiting = numbers[at_once:]
    while running:
        ended, running = ray.wait(running)
        ray.get(ended)
        running += [task.remote(held, waiting.pop(0))] if waiting else []
        yield


def _call(work: Callable[[int], None], number: int) -> None:
    work(number)
