"""A program that we started and all that it has started: found in /proc, ended together."""

import os
import signal
import time
from pathlib import Path

MARK = "SHOTMAKE_RUNS"  # in the environment of a program that we start: a word that all its children inherit
TRIES, PAUSE_S = 40, 0.05  # while it is being ended it may still start others
TICKS = os.sysconf("SC_CLK_TCK")


def marked(environment: dict[str, str], word: str) -> dict[str, str]:
    """The environment with a word that tells whose children these are. A program that we start may start a build of
    its own, so the words of those above it stay."""
    above = environment.get(MARK)
    return {**environment, MARK: f"{above}:{word}" if above else word}


def processor_s(pid: int) -> float:
    """The processor time that a process and its living descendants have used."""
    used = {one: (parent, seconds) for one, parent, seconds in _processes()}
    return sum(used[one][1] for one in _tree(pid, {one: parent for one, (parent, _) in used.items()}) if one in used)


def end_tree(pid: int, word: str) -> None:
    """Kill a process and its descendants: also those that a daemon's way of starting has made nobody's child, as long
    as they keep the environment that they were given."""
    for _ in range(TRIES):
        parents = {one: parent for one, parent, _ in _processes()}
        found = _tree(pid, parents) & set(parents)
        found |= {one for one in parents if _has_word(one, word)}
        found.discard(os.getpid())
        if not found:
            return
        for one in found:
            try:
                os.kill(one, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # it has ended, or it belongs to another user by now
                continue
        time.sleep(PAUSE_S)


def _tree(pid: int, parents: dict[int, int]) -> set[int]:
    """pid and its descendants."""
    children: dict[int, list[int]] = {}
    for one, parent in parents.items():
        children.setdefault(parent, []).append(one)
    found, new = {pid}, [pid]
    while new:
        new = [one for parent in new for one in children.get(parent, ()) if one not in found]
        found |= set(new)
    return found


def _processes() -> list[tuple[int, int, float]]:
    """(pid, parent, processor seconds) of all that live; those that only wait for their parent's notice are dead."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                text = Path("/proc", name, "stat").read_text(encoding="utf-8", errors="replace")
                words = text.rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            if words and words[0] not in "ZX":
                # Its own time and that of the children that have ended.
                found.append((int(name), int(words[1]), sum(map(int, words[11:15])) / TICKS))
    return found


def _has_word(pid: int, word: str) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has just ended, or it belongs to another user
        return False
    prefix = f"{MARK}=".encode()
    return any(one.startswith(prefix) and word.encode() in one[len(prefix) :].split(b":") for one in variables)
