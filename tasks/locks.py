"""Who builds what: one process a target, on one machine or on several that share the folder.

On one machine flock decides; the kernel drops it with its owner, however that dies. Between machines, where
flock may mean nothing, a lease file decides: its owner touches it every few seconds, and one that stands still
is taken over. Should two machines ever build the same target all the same, nothing is damaged: targets are put
in place whole, and a stamp that does not fit its targets means "build it again".
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache as once
from pathlib import Path
from typing import IO

from tasks import STATE
from tasks.parts import HOST, is_alive, remove_parts_of_the_dead
from tasks.watchdog import waiting

FOLDER = STATE / "locks"
LEASE_S = float(os.environ.get("SHOTMAKE_LEASE_S") or 60)  # an owner silent for longer is dead
NO_LOCKS_HERE = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # a network folder without lock daemon


@contextlib.contextmanager
def locked(name: str, what: str) -> Iterator[None]:
    """Hold the lock `name` while the block runs; say on whom we wait, for `what`, when somebody else has it."""
    with _locked(name, what):
        yield


@contextlib.contextmanager
def locked_if_free(name: str) -> Iterator[bool]:
    """Hold the lock `name` while the block runs -> whether we got it; nothing is waited for. One of a dead machine is
    not free: `locked` takes it over."""
    with _locked(name, None) as is_ours:
        yield is_ours


@contextlib.contextmanager
def _locked(name: str, what: str | None) -> Iterator[bool]:
    """what None: False instead of waiting."""
    announce_build()
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / name
    with _flock(path, what) as is_held:
        lease = path.with_name(f"{name}.lease")
        ours = json.dumps({"host": HOST, "pid": os.getpid(), "token": secrets.token_hex(8)})
        done = threading.Event()
        beat = threading.Thread(target=_beat, args=(lease, ours, done), daemon=True)
        try:
            if not is_held or not _take_lease(lease, ours, what):
                yield False
                return
            beat.start()
            yield True
        finally:  # stopped while it took the lease, it leaves none
            done.set()
            if beat.ident is not None:
                beat.join()
            if (found := _read(lease)) and found[0] == ours:
                _remove(lease, lambda content, now: content == ours)  # not the one of who took over while we slept


@contextlib.contextmanager
def _flock(path: Path, what: str | None) -> Iterator[bool]:
    said = False
    while True:
        file = open(path, "a+")
        try:
            if not _try_flock(file, fcntl.LOCK_EX):
                if what is None:
                    file.close()
                    yield False
                    return
                if not said:
                    print(f"   waiting for {_owner(path.with_name(f'{path.name}.lease'))} to build {what}", flush=True)
                    said = True
                with waiting():
                    fcntl.flock(file, fcntl.LOCK_EX)
            if _same_file(file, path):
                break
        except BaseException:
            file.close()
            raise
        file.close()  # its owner removed it when done: take the new one
    try:
        yield True
    finally:
        if _same_file(file, path):
            path.unlink(missing_ok=True)
        file.close()


def _try_flock(file: IO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS_HERE:
            raise
    return True


def _same_file(file: IO, path: Path) -> bool:
    try:
        return os.fstat(file.fileno()).st_ino == os.stat(path).st_ino
    except FileNotFoundError:
        return False


def _take_lease(lease: Path, ours: str, what: str | None) -> bool:
    """Ours when this returns True. A lease of our own host is a dead one's, since we hold the flock."""
    mine = lease.with_name(f".{lease.name}-{HOST}-{os.getpid()}")
    seen, since, said = "", time.monotonic(), False
    try:
        mine.write_text(ours)
        while True:
            with contextlib.suppress(FileExistsError):
                os.link(mine, lease)  # fails when there is one, on network folders too
                return True
            found = _read(lease)
            if found is None:
                continue  # its owner has just let go
            content, now = found
            if now != seen:
                seen, since = now, time.monotonic()
            if _is_ours(content) or time.monotonic() - since > LEASE_S:
                _remove(lease, lambda content, now, dead=now: now == dead)
                continue
            if what is None:
                return False
            if not said:
                print(f"   waiting for {_owner(lease)} to build {what}", flush=True)
                said = True
            with waiting():
                time.sleep(min(1.0, LEASE_S / 10))
    finally:
        mine.unlink(missing_ok=True)


def _read(lease: Path) -> tuple[str, str] | None:
    """Its text, and what changes with every beat."""
    try:
        return lease.read_text(), f"{os.stat(lease).st_ino} {os.stat(lease).st_mtime_ns}"
    except FileNotFoundError:
        return None


def _is_ours(content: str) -> bool:
    return f'"host": {json.dumps(HOST)}' in content


def _remove(lease: Path, is_meant: Callable[[str, str], bool]) -> None:
    """Remove a lease if its text, and what changes with every beat, are those of the one meant: moved away first, so
    that of several who want to, one succeeds, and sees which one it has."""
    aside = lease.with_name(f".dead-{lease.name}-{HOST}-{os.getpid()}")
    try:
        os.rename(lease, aside)
    except FileNotFoundError:
        return
    found = _read(aside)
    if found and not is_meant(*found):  # somebody's new one: put it back
        with contextlib.suppress(FileExistsError):
            os.link(aside, lease)
    aside.unlink(missing_ok=True)


def _owner(lease: Path) -> str:
    try:
        owner = json.loads(lease.read_text())
    except (OSError, ValueError):
        return "another process"
    return f"process {owner['pid']}" + ("" if owner["host"] == HOST else f" on {owner['host']}")


def _beat(lease: Path, ours: str, done: threading.Event) -> None:
    while not done.wait(LEASE_S / 6):
        found = _read(lease)
        if found and found[0] == ours:
            with contextlib.suppress(OSError):
                os.utime(lease)


@contextlib.contextmanager
def slot(places: list[int], wait: bool = True) -> Iterator[int | None]:
    """One of the places to build in on this machine, named by cores -> its index; waits for a free one, or None.

    Jobs of a queue that have cores of their own so do not wait for each other.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as files:
        slots = [files.enter_context(open(FOLDER / f"slot-{HOST}-{place}", "a+")) for place in places]
        tries = 0
        while True:
            for number, file in enumerate(slots):
                if _try_flock(file, fcntl.LOCK_EX):
                    yield number
                    return
            if not wait:
                yield None
                return
            tries += 1
            if tries == 20:
                print(f"   waiting for one of the {len(places)} places to build in on this machine", flush=True)
            time.sleep(0.1)


@once
def announce_build() -> IO:
    """Hold off gc for as long as this process lives: what it makes is not published yet."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = open(FOLDER / "building", "a+")
    with contextlib.suppress(OSError):  # no flock here: gc looks at the leases as well
        fcntl.flock(file, fcntl.LOCK_SH)
    sweep()
    return file


@contextlib.contextmanager
def nobody_builds() -> Iterator[bool]:
    """Whether no build runs, held for as long as the block runs when so."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "building", "a+") as file:
        alone = _try_flock(file, fcntl.LOCK_EX)
        sweep()
        yield alone and not any(FOLDER.glob("*.lease"))


def sweep() -> None:
    """What killed builds left: of those that took or let go of a lock just then, nobody would take it again."""
    found_dead = False
    if not FOLDER.is_dir():
        return
    for path in FOLDER.glob(f".*.lease-{HOST}-*"):
        if not is_alive(int(path.name.rpartition("-")[2])):
            path.unlink(missing_ok=True)
            found_dead = True
    for name in {path.name.removesuffix(".lease") for path in FOLDER.iterdir()}:
        if name == "building" or name.startswith((".", "slot-")):
            continue
        path, lease = FOLDER / name, FOLDER / f"{name}.lease"
        found = _read(lease)
        if found is not None and not _is_ours(found[0]):
            continue  # of another machine: its own next build sees to it
        with open(path, "a+") as file:
            if _try_flock(file, fcntl.LOCK_EX) and _same_file(file, path):
                lease.unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                found_dead = True
    if found_dead:
        remove_parts_of_the_dead()
