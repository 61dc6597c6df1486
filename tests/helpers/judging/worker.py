"""Solve simulated sets with the code of one folder. A script: python worker.py FOLDER TESTS

Requests and answers are pickles on stdin and stdout, of plain values and arrays, so that the code of an older release
answers as well as this one. TESTS: the folder of our tests, from which the second witness's matches are drawn, for a
code that asks for them.
"""

import importlib
import importlib.util
import json
import os
import pickle
import sys
import tempfile
import time
from pathlib import Path

# where a name lies in this code, and in one from before the modules had folders
PLACES = {
    "solve": ("shotmake.solve.verdict", "shotmake.solve"),
    "extend_imported": ("shotmake.solve.imported.extend", "shotmake.known"),
    "certify": ("shotmake.solve.checks.certify", "shotmake.certify"),
    "read_cameras": ("shotmake.formats.cameras.solve_json", "shotmake.imported"),
    "Tracks": ("shotmake.tracks.markers", "shotmake.session"),
    "Camera": ("shotmake.config.schema", "shotmake.config"),
    "Solve": ("shotmake.config.schema", "shotmake.config"),
    "Orient": ("shotmake.config.schema", "shotmake.config"),
}
EARLIER = {"extend_imported": "solve_known"}  # what earlier code calls it
MOST_CANDIDATES = 8  # cameras of a solve that a certificate was asked for: the last ones


def main() -> None:
    folder, tests = sys.argv[1:3]
    sys.path[:0] = [folder, tests]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    import shotmake

    assert Path(shotmake.__file__).is_relative_to(Path(folder).resolve()), shotmake.__file__
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(_answer(request), answers)
        answers.flush()


def _answer(request: dict) -> dict:
    import traceback

    from shotmake.errors import ShotError

    began, candidates = time.process_time(), []
    with _overheard(candidates):
        try:
            made = _solved(request)
            answer = {"record": made.record, "points": made.points}
        except ShotError as error:  # the command line says it and builds nothing
            record = {"status": "refused", "reason": str(error), "reason_code": "shot_error", "warnings": []}
            answer = {"record": record | {"warning_codes": [], "confidence": 0.0, "frames": []}, "points": {}}
        except Exception:
            answer = {"error": traceback.format_exc()}
    return answer | {"cpu_s": time.process_time() - began, "candidates": candidates[-MOST_CANDIDATES:]}


def _solved(request: dict):
    solve, extend_imported = _ours("solve"), _ours("extend_imported")
    tracks = _ours("Tracks").from_markers(*request["tracks"])
    size_px, frames = tuple(request["size_px"]), tuple(request["frames"])
    camera = _ours("Camera")(**request["camera"])
    values = dict(request["solve"])
    if "orient" in values:
        values["orient"] = _ours("Orient")(**values["orient"])
    settings = _ours("Solve")(**values)
    if request["known"] is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "brought.json"
            path.write_text(json.dumps(request["known"]))
            given = _ours("read_cameras")(path, size_px, frames)
        if _has_problems():
            return extend_imported(_inputs(request, tracks, size_px, frames, camera, settings), given)
        return extend_imported(tracks, size_px, frames, given, camera, settings)
    if _has_problems():
        return solve(_inputs(request, tracks, size_px, frames, camera, settings))
    return solve(tracks, size_px, frames, camera, settings)


def _has_problems() -> bool:
    """Whether the folder's code takes what it is asked as one thing; an older one is asked without a second witness."""
    return _is_there("shotmake.solve.problem")


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module, not a package
        return False


def _inputs(request: dict, *given):
    from helpers.recipes.witness import look_of
    from shotmake.solve.problem import SolveInputs

    return SolveInputs(*given, look=look_of(pickle.loads(request["set"])))


def _ours(name: str):
    """The function or class of that name, wherever the folder's code keeps it."""
    for place in PLACES[name]:
        try:
            module = importlib.import_module(place)
            return getattr(module, name if hasattr(module, name) else EARLIER.get(name, name))
        except (ModuleNotFoundError, AttributeError):
            continue
    raise LookupError(f"{name}: found in none of {', '.join(PLACES[name])}")


class _overheard:
    """Note the cameras that a certificate is asked for, wherever `certify` was imported."""

    def __init__(self, candidates: list[dict]):
        self.candidates = candidates

    def __enter__(self) -> None:
        for name in ("solve", "extend_imported"):
            _ours(name)  # loaded, with all that they import
        certify = _ours("certify")

        def overheard(held_out, solved_with, cam_from_world, lens, scale, tripod=False, **more):
            self.candidates.append(
                {
                    "cam_from_world": cam_from_world.copy(),
                    "lens": lens.to_json(),
                    "turning": tripod or more.get("turning", False),
                }
            )
            return certify(held_out, solved_with, cam_from_world, lens, scale, tripod, **more)

        self.modules = [
            module for name, module in sys.modules.items()
            if name.startswith("shotmake.") and getattr(module, "certify", None) is certify
        ]  # fmt: skip
        self.certify = certify
        for module in self.modules:
            module.certify = overheard

    def __exit__(self, *trouble) -> None:
        for module in self.modules:
            module.certify = self.certify


if __name__ == "__main__":
    main()
