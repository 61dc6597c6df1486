"""A program that we started, with all that it has started: found in /proc and ended together."""

import os
import signal
import time
from pathlib import Path

MARK = "SHOTMAKE_RUNS"  # a variable of each program that we start; its children inherit the word in it
TRIES, PAUSE_S = 40, 0.05  # several tries: a program that is being ended may still start others
TICKS = os.sysconf("SC_CLK_TCK")


def mark(environment: dict[str, str], word: str) -> dict[str, str]:
    """Return the environment with a word added that tells whose children these processes are.

    A program that we start may start a build of its own. So the words of the builds above stay.
    """
    above = environment.get(MARK)
    return {**environment, MARK: f"{above}:{word}" if above else word}


def measure_processor_s(pid: int) -> float:
    """Return the processor time, in seconds, that a process and its living descendants have used."""
    used = {one: (parent, seconds) for one, parent, seconds in _list_processes()}
    return sum(
        used[one][1] for one in _find_tree(pid, {one: parent for one, (parent, _) in used.items()}) if one in used
    )


def end_tree(pid: int, word: str) -> None:
    """End a process and its descendants with SIGKILL.

    A descendant that started as a daemon is no longer a child of ours. It is found by `word` in its environment, as
    long as it keeps the environment that it was given.
    """
    for _ in range(TRIES):
        parents = {one: parent for one, parent, _ in _list_processes()}
        found = _find_tree(pid, parents) & set(parents)
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


def _find_tree(pid: int, parents: dict[int, int]) -> set[int]:
    """Return a process and its descendants."""
    children: dict[int, list[int]] = {}
    for one, parent in parents.items():
        children.setdefault(parent, []).append(one)
    found, new = {pid}, [pid]
    while new:
        new = [one for parent in new for one in children.get(parent, ()) if one not in found]
        found |= set(new)
    return found


def _list_processes() -> list[tuple[int, int, float]]:
    """Return (pid, parent, processor seconds) of all living processes.

    A process that only waits for its parent to notice its end counts as dead.
    """
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                text = Path("/proc", name, "stat").read_text(encoding="utf-8", errors="replace")
                words = text.rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            if words and words[0] not in "ZX":
                # The process's own time, and that of its children that have ended.
                found.append((int(name), int(words[1]), sum(map(int, words[11:15])) / TICKS))
    return found


def _has_word(pid: int, word: str) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has just ended, or it belongs to another user
        return False
    prefix = f"{MARK}=".encode()
    return any(one.startswith(prefix) and word.encode() in one[len(prefix) :].split(b":") for one in variables)
