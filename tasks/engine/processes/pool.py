"""Many small jobs on all cores. A job that does not come to an end is given up, and the others are done."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from typing import Any

from shotmake.tasks.engine.processes import workers

CHUNK = 4  # jobs handed out at once: handing out a single job costs as much as a short job itself


def run_by_many(function: Callable, asked: list[tuple], limit_s: float, tell: Callable[[], object]) -> dict:
    """Run a function over many tuples of arguments on all cores. Return {arguments: what the function returns}.

    A chunk of jobs has `limit_s` seconds from the moment when the chunks before it are done. When that time is over,
    all processes are killed, and the jobs of that chunk are run again, each as a chunk of its own. A job that is too
    long alone is left out of the result, and the other jobs go on. `tell` is called for each job that is done. What the
    function raises is raised.
    """
    done: dict = {}
    left = [asked[at : at + CHUNK] for at in range(0, len(asked), CHUNK)]
    while left:
        pool = ProcessPoolExecutor(len(os.sched_getaffinity(0)))
        try:
            futures = [pool.submit(_run_each, function, chunk) for chunk in left]
            at = _collect(futures, left, done, limit_s, tell)
        except BaseException:
            _end(pool)
            raise
        if at is None:
            pool.shutdown()
            break
        _end(pool)
        hung, rest = left[at], [chunk for chunk in left[at + 1 :] if chunk[0] not in done]
        alone = [[one] for one in hung] if len(hung) > 1 else []  # one of these jobs is at fault
        left = [*alone, *rest]
    return done


def _collect(futures: list[Future], chunks: list[list], done: dict, limit_s: float, tell: Callable) -> int | None:
    """Fill `done` in order. Return the index of the chunk that does not come to its end; None when all did."""
    for at, (future, chunk) in enumerate(zip(futures, chunks, strict=True)):
        try:
            found = future.result(limit_s)
        except TookTooLong:
            for other, its in zip(futures, chunks, strict=True):  # chunks behind this one may be done already
                if other.done() and its[0] not in done:
                    _take(other.result(), its, done, tell)
            return at
        _take(found, chunk, done, tell)
    return None


def _take(found: list[Any], chunk: list, done: dict, tell: Callable) -> None:
    for one, value in zip(chunk, found, strict=True):
        done[one] = value
        tell()


def _run_each(function: Callable, chunk: list[tuple]) -> list:
    return [function(*arguments) for arguments in chunk]


def _end(pool: ProcessPoolExecutor) -> None:
    """Kill the pool's processes, whatever they are doing."""
    children = multiprocessing.active_children()
    pool.shutdown(wait=False, cancel_futures=True)
    workers.ended_on_purpose.update(child.pid for child in children if child.pid)
    for child in children:
        child.kill()
    for child in children:
        child.join()
