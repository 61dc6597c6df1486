"""Locks: one process builds a target at a time, on one machine or on several that share the folder.

On one machine flock decides. The kernel releases it when its owner ends, in whatever way. Between machines flock may
mean nothing, so a lease file decides: its owner touches it every few seconds (LEASE_S / 6), and a lease that stands
still is taken over.

If two machines ever build the same target all the same, nothing is damaged: targets are put in place whole, and a stamp
that does not fit its targets means "build it again".
"""

import contextlib
import errno
import fcntl
import glob
import json
import logging
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache as once
from pathlib import Path
from typing import IO

from shotmake.errors import ShotError
from shotmake.files.file_kind_and_size import read_utf8
from shotmake.files.json_file import read_json
from shotmake.tasks.engine.processes.end_if_stuck import mark_waiting, note_no_work
from shotmake.tasks.engine.state.confined_paths import is_plain_file, make_folder, quote_name
from shotmake.tasks.engine.state.partial_files import HOST, is_alive, remove_parts_of_the_dead
from shotmake.tasks.show import get_state_folder, name_in_show

LEASE_S = float(os.environ.get("SHOTMAKE_LEASE_S") or 60)  # an owner that does not touch its lease for longer is dead
MOST_LEASE_BYTES = 4096
NO_LOCKS_HERE = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # a network folder without lock daemon

_log = logging.getLogger(__name__)


def get_locks_folder() -> Path:
    """Return the folder of locks and leases."""
    return get_state_folder() / "locks"


@contextlib.contextmanager
def hold_lock(name: str, what: str) -> Iterator[None]:
    """Hold the lock `name` while the block runs.

    When another process has the lock, wait for it and say who it is and what for (`what`).
    """
    with _hold_lock(name, what):
        yield


@contextlib.contextmanager
def hold_lock_if_free(name: str) -> Iterator[bool]:
    """Hold the lock `name` while the block runs, if it is free; yield whether we hold it. Nothing is waited for.

    The lock of a dead machine counts as taken here; `hold_lock` takes such a lock over.
    """
    with _hold_lock(name, None) as is_ours:
        yield is_ours


@contextlib.contextmanager
def _hold_lock(name: str, what: str | None) -> Iterator[bool]:
    """Hold a lock; with `what` None, yield False instead of waiting."""
    announce_build()
    make_folder(get_locks_folder())
    path = get_locks_folder() / name
    with _hold_flock(path, what) as is_held:
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
        finally:  # this also runs when the process is stopped while it takes the lease: no lease is left
            done.set()
            if beat.ident is not None:
                beat.join()
            if (found := _read(lease)) and found[0] == ours:
                # A lease of somebody who took over while this machine slept stays.
                _remove(lease, lambda content, now: content == ours)


@contextlib.contextmanager
def _hold_flock(path: Path, what: str | None) -> Iterator[bool]:
    said = False
    while True:
        file = _open_lock(path)
        try:
            if not _try_flock(file, fcntl.LOCK_EX):
                if what is None:
                    file.close()
                    yield False
                    return
                if not said:
                    _log.info("waiting for %s to build %s", _find_owner(path.with_name(f"{path.name}.lease")), what)
                    said = True
                with mark_waiting():
                    fcntl.flock(file, fcntl.LOCK_EX)
            if _is_same_file(file, path):
                break
        except BaseException:
            file.close()
            raise
        file.close()  # its owner removed the file when it was done: lock the new file
    try:
        yield True
    finally:
        if _is_same_file(file, path):
            path.unlink(missing_ok=True)
        file.close()


def _open_lock(path: Path) -> IO:
    """Open the file that is locked; make it if it is missing. Nothing is written to it.

    Raises ShotError for a link, a folder, a device or a pipe of that name.
    """
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        try:
            number = os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError as denied:  # the file of another user of the show: it can be locked all the same
            try:
                number = os.open(path, flags | os.O_RDONLY)
            except FileNotFoundError:
                raise denied from None  # we have no right to make it
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
        raise _make_lock_fault(path) from error
    file = open(number, "rb")
    if not stat.S_ISREG(os.fstat(number).st_mode):
        file.close()
        raise _make_lock_fault(path)
    return file


def _make_lock_fault(path: Path) -> ShotError:
    return ShotError(f"{name_in_show(path)}: found no plain file; needed a lock of a build: remove it")


def _try_flock(file: IO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS_HERE:
            raise
    return True


def _is_same_file(file: IO, path: Path) -> bool:
    try:
        return os.fstat(file.fileno()).st_ino == os.stat(path).st_ino
    except FileNotFoundError:
        return False


def _take_lease(lease: Path, ours: str, what: str | None) -> bool:
    """Take the lease; return whether it is ours. With `what` None, nothing is waited for.

    A lease of our own host belongs to a dead process, since we hold the flock.
    """
    mine = lease.with_name(f".{lease.name}-{HOST}-{os.getpid()}")
    seen, since, said = "", time.monotonic(), False
    try:
        mine.unlink(missing_ok=True)  # else a link that lies there would lead the write elsewhere
        with open(mine, "x", encoding="utf-8") as file:
            file.write(ours)
        while True:
            with contextlib.suppress(FileExistsError):
                os.link(mine, lease)  # fails when there is a lease, on network folders too
                return True
            found = _read(lease)
            if found is None:
                continue  # its owner has just removed it
            if not is_plain_file(lease):
                raise _make_lock_fault(lease)
            content, now = found
            if now != seen:
                seen, since = now, time.monotonic()
            if _is_ours(content) or time.monotonic() - since > LEASE_S:
                _remove(lease, lambda content, now, dead=now: now == dead)
                continue
            if what is None:
                return False
            if not said:
                _log.info("waiting for %s to build %s", _find_owner(lease), what)
                said = True
            with mark_waiting():
                time.sleep(min(1.0, LEASE_S / 10))
    finally:
        mine.unlink(missing_ok=True)


def _read(lease: Path) -> tuple[str, str] | None:
    """Return a lease's text ("" when it has none) and a mark that changes with every touch; None when there is no
    lease.
    """
    try:
        seen = os.lstat(lease)
        try:
            text = read_utf8(lease, "json_mb") if seen.st_size <= MOST_LEASE_BYTES else ""
        except ShotError:  # not a lease of ours; while it stands still, it counts as that of a dead process
            text = ""
    except FileNotFoundError:
        return None
    return text, f"{seen.st_ino} {seen.st_mtime_ns}"


def _is_ours(content: str) -> bool:
    return f'"host": {json.dumps(HOST)}' in content


def _remove(lease: Path, is_meant: Callable[[str, str], bool]) -> None:
    """Remove a lease if it is the one that is meant, as its text and its mark (_read) tell.

    The lease is moved away first. So of several processes that want to remove it one succeeds, and that one sees which
    lease it has.
    """
    aside = lease.with_name(f".dead-{lease.name}-{HOST}-{os.getpid()}")
    try:
        lease.rename(aside)
    except FileNotFoundError:
        return
    found = _read(aside)
    if found and not is_meant(*found):  # it is somebody's new lease: put it back
        with contextlib.suppress(FileExistsError):
            os.link(aside, lease)
    aside.unlink(missing_ok=True)


def _find_owner(lease: Path) -> str:
    """Return who holds a lease, as far as the lease says so."""
    try:
        owner = read_json(lease)
    except (OSError, ShotError):
        return "another process"
    if not isinstance(owner, dict) or not isinstance(owner.get("pid"), int):
        return "another process"
    return f"process {owner['pid']}" + ("" if owner.get("host") == HOST else f" on {quote_name(owner.get('host'))}")


def _beat(lease: Path, ours: str, done: threading.Event) -> None:
    while not done.wait(LEASE_S / 6):
        found = _read(lease)
        if found and found[0] == ours:
            with contextlib.suppress(OSError):
                os.utime(lease)
        note_no_work()


@contextlib.contextmanager
def hold_slot(places: list[int], wait: bool = True) -> Iterator[int | None]:
    """Hold one of this machine's places to build in; yield its index in `places`.

    `places` are the numbers of cores that name the places. So jobs of a queue that have their own cores do not wait for
    each other. Without `wait`, None is yielded when no place is free.
    """
    make_folder(get_locks_folder())
    with contextlib.ExitStack() as files:
        slots = [files.enter_context(_open_lock(get_locks_folder() / f"slot-{HOST}-{place}")) for place in places]
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
                what = f"one of the {len(places)} places" if len(places) > 1 else "the one place"
                _log.info("waiting for %s to build in on this machine", what)
            time.sleep(0.1)


@once
def announce_build() -> IO:
    """Hold off gc for as long as this process lives, since what it makes is not published yet. Return the locked file.

    What killed builds left is removed first (sweep).
    """
    make_folder(get_locks_folder())
    file = _open_lock(get_locks_folder() / "building")
    with contextlib.suppress(OSError):  # flock does not work here: gc looks at the leases as well
        fcntl.flock(file, fcntl.LOCK_SH)
    sweep()
    return file


@contextlib.contextmanager
def hold_off_builds() -> Iterator[str]:
    """Yield "" when no build runs, and hold builds off while the block runs; else yield who builds what."""
    make_folder(get_locks_folder())
    with _open_lock(get_locks_folder() / "building") as file:
        alone = _try_flock(file, fcntl.LOCK_EX)
        sweep()
        leases = (
            _list_living(sorted(get_locks_folder().glob("*.lease")))
            if alone
            else sorted(get_locks_folder().glob("*.lease"))
        )
        if leases:
            yield f"{_find_owner(leases[0])} builds {quote_name(leases[0].name.removesuffix('.lease'))}"
        else:
            yield "" if alone else "a build is running"


def _list_living(leases: list[Path]) -> list[Path]:
    """Return the leases of other machines that are still touched; remove those that stand still for LEASE_S."""
    found = {lease: seen for lease in leases if (seen := _read(lease)) is not None}
    end = time.monotonic() + LEASE_S
    if found:
        first = next(iter(found))
        _log.info("looking for %g s whether %s still builds %s", LEASE_S, _find_owner(first), quote_name(first.name))
    while found and time.monotonic() < end:
        time.sleep(min(1.0, LEASE_S / 10))
        now = {lease: _read(lease) for lease in found}
        beating = [lease for lease, seen in found.items() if now[lease] is not None and now[lease] != seen]
        if beating:
            return beating
        found = {lease: seen for lease, seen in found.items() if now[lease] is not None}
    for lease, (_, dead) in found.items():
        if is_plain_file(lease):
            _remove(lease, lambda content, now, dead=dead: now == dead)
    return [lease for lease in found if os.path.lexists(lease)]


def sweep() -> None:
    """Remove what killed builds of this machine left: locks, leases and half-written files.

    This includes the files of builds that were killed while they took or released a lock: no later build would take
    these files up again.
    """
    found_dead = False
    if not get_locks_folder().is_dir():
        return
    for path in get_locks_folder().glob(f".*.lease-{glob.escape(HOST)}-*"):
        number = path.name.rpartition("-")[2]
        if is_plain_file(path) and number.isascii() and number.isdigit() and not is_alive(int(number)):
            found_dead |= _remove_dead(path)
    for name in {path.name.removesuffix(".lease") for path in get_locks_folder().iterdir()}:
        if name == "building" or name.startswith((".", "slot-")):
            continue
        path, lease = get_locks_folder() / name, get_locks_folder() / f"{name}.lease"
        found = _read(lease)
        if found is not None and not _is_ours(found[0]):
            continue  # it belongs to another machine: that machine's next build, or gc, removes it
        if any(os.path.lexists(one) and not is_plain_file(one) for one in (path, lease)):
            continue  # not a file of ours; the build that needs this lock says so
        with _open_lock(path) as file:
            if _try_flock(file, fcntl.LOCK_EX) and _is_same_file(file, path):
                found_dead |= _remove_dead(lease, path)
    if found_dead:
        remove_parts_of_the_dead()


def _remove_dead(*paths: Path) -> bool:
    """Remove files of dead builds; return whether they could be removed.

    What another user left may not be ours to remove. It stays until a build needs that lock, and is told then.
    """
    try:
        for path in paths:
            path.unlink(missing_ok=True)
    except PermissionError:
        return False
    return True
