"""Frames that are decoded ahead in a thread of their own, while the caller works on the frame before."""

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")
FRAMES_AHEAD = 3
LOOK_UP_S = 0.1  # how often the thread checks, at a full queue, whether anybody still wants its frames


def decode_ahead(source: Generator[Item]) -> Generator[Item]:
    """Yield the items of a generator, which a thread makes at most FRAMES_AHEAD before they are asked for.

    What the generator raises is raised here. The thread ends with this generator, whatever ends it.
    """
    made: queue.Queue[tuple[Item, None] | tuple[None, BaseException]] = queue.Queue(FRAMES_AHEAD)
    stop = threading.Event()
    thread = threading.Thread(target=_fill, args=(source, made, stop), name="decoding ahead")
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
        while not made.empty():  # makes room: a thread that waits for it goes on, and sees that it has to stop
            made.get_nowait()
        thread.join()


def _fill(source: Generator, made: queue.Queue, stop: threading.Event) -> None:
    # This function must not refer to the generator above, or a generator that is dropped half way is never closed.
    try:
        with closing(source):
            for item in source:
                if not _offer(made, stop, (item, None)):
                    return
        _offer(made, stop, (None, StopIteration()))
    except BaseException as error:
        _offer(made, stop, (None, error))


def _offer(made: queue.Queue, stop: threading.Event, item: tuple) -> bool:
    """Put an item into the queue.

    Return False when nobody wants it any more: a stop was asked for, or the program ends.
    """
    while not stop.is_set() and threading.main_thread().is_alive():
        try:
            made.put(item, timeout=LOOK_UP_S)
            return not stop.is_set()
        except queue.Full:
            pass
    return False
