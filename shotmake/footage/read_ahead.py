"""Frames decoded ahead in a thread of their own, while the caller works on the frame before."""

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")
FRAMES_AHEAD = 3
LOOK_UP_S = 0.1  # how often a full queue looks whether anybody still wants its frames


def decoded_ahead(source: Generator[Item]) -> Generator[Item]:
    """The items of a generator, made in a thread, at most FRAMES_AHEAD before they are asked for.

    What the generator raises is raised here. The thread ends with this generator, however that ends.
    """
    made: queue.Queue[tuple[Item, None] | tuple[None, BaseException]] = queue.Queue(FRAMES_AHEAD)
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=(source, made, stop), name="decoding ahead")
    thread.start()
    try:
        while True:
            got = made.get()
            if got[1] is None:
                yield got[0]
            elif isinstance(got[1], StopIteration):
                return
            else:
                raise got[1]
    finally:
        stop.set()
        while not made.empty():  # a thread that waits for room goes on, and sees that it is to stop
            made.get_nowait()
        thread.join()


def _work(source: Generator, made: queue.Queue, stop: threading.Event) -> None:
    # It must hold nothing of the generator above, or one that is forgotten half way would never be closed.
    try:
        with closing(source):
            for item in source:
                if not _offer(made, stop, (item, None)):
                    return
        _offer(made, stop, (None, StopIteration()))
    except BaseException as error:
        _offer(made, stop, (None, error))


def _offer(made: queue.Queue, stop: threading.Event, item: tuple) -> bool:
    """False when nobody wants it any more: asked to stop, or the program is ending."""
    while not stop.is_set() and threading.main_thread().is_alive():
        try:
            made.put(item, timeout=LOOK_UP_S)
            return not stop.is_set()
        except queue.Full:
            pass
    return False
