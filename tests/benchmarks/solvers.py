"""Ours, libmv and COLMAP's own pipeline on the same tracks in the same run, against the camera they were made with.

Run: python tests/benchmarks/solvers.py [--kinds orbit dolly] [--seeds 5] [--first 0] [--solvers ours colmap]
     [--frames 60] [--processes 2]
     ... --growth     CPU seconds of ours by frames and by tracks, an orbit each

500 simulated tracks of 120 frames (long: 300 frames), lenses of 27 to 65 mm, the first guess of the focal length wrong
by up to 2x either way. A line a solve: error of the path in % of its length, of the rotation in degrees, of the focal
length in %, of the lens at the picture's border in px (both of a zoom's worst frame), CPU seconds. Then medians and the
worst by kind and solver; then which limits hold. A solver that knows no refusal calls all that it ends with solved.
libmv: Blender's Solve Camera, keyframes chosen by us; cleaned: the same and once more without its bad tracks. floor:
what the noise leaves, from the truth with the truth's weights; where ours is there, only better tracks help.
"""

import argparse
import resource
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers.measures.colmap_mapping import mapped_by_colmap
from helpers.measures.measure import measure
from helpers.plates.simulated import Simulated, simulate
from shotmake.config.schema import Camera, Solve
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.refine_lens_terms import BASE
from shotmake.solve.problem import FOCAL_GUESS, SolveInputs

SIZE_PX, FRAMES, VISIBLE = (1280, 720), 120, 170  # 500 tracks in all
# How our tracker (balanced) errs on rendered plates (benchmarks/tracks.py; 3 to 5 seeds a kind, markers of tracks not
# born on depth edges). By how much, px, a marker's error changes in 1, 10, 30, 60 frames, p50/p75/p90/p97:
#   desk         .04/.07/.10/.16  .06/.09/.15/.25  .07/.13/.26/.50  .09/.19/.39/.79
#   dolly        .04/.07/.11/.17  .06/.09/.14/.21  .07/.12/.20/.34  .09/.16/.31/.57
#   simulated    .04/.07/.12/.19  .06/.11/.18/.33  .07/.15/.28/.55  .09/.19/.39/.78  without what slides
# and p50/p75/p90 of the hand-held, blurred plate and of the simulated walk with its blur (and what slides):
#   hand-held    .08/.14/.22  .12/.20/.31  .13/.23/.38  .17/.33/.63
#   walk         .12/.21/.36  .13/.24/.43  .14/.26/.49  .15/.29/.56
NOISE = {"white_px": 0.02, "drift_px": 0.005, "uneven": 0.5, "uneven_drift": 1.0}
# How a kind is simulated, where not by the simulation of its name alone.
KINDS: dict[str, dict] = {
    "orbit": {},
    "dolly": {},
    "crane": {},
    "long": {"kind": "orbit", "frame_count": 300},
    "planar": {},
    "walk": {"kind": "orbit", "unrest": 3.0, "span_deg": 25.0, "blur": 0.006},
    "orbit_zoom": {"kind": "orbit", "zoom": 1.5},
    "moving": {"kind": "orbit", "moving_share": 0.25},
    "pan": {},
    "zoom": {},
    "tiny": {},
    "static": {},
}
# Error of the path in %: of the median seed, of the worst.
PATH_PCT = dict.fromkeys(("orbit", "dolly", "crane", "long"), (0.01, 0.03))
PATH_PCT |= {"planar": (0.06, 0.06), "walk": (0.1, 0.1), "orbit_zoom": (0.1, 0.1), "moving": (0.06, 0.06)}
TRIPODS, ZOOMS = ("pan", "zoom"), ("zoom", "orbit_zoom")
TINY_PATH_PCT = 2.0
ROTATION_DEG, FOCAL_PCT, LENS_PX, TRIPOD_FOCAL_PCT = 0.01, 0.4, 0.5, 1.0
WRONG_TIMES = 5.0  # a solve so many times worse than the limits is wrong
OF_LIBMV, OF_COLMAP = 0.25, 1.1
WARNED_SHARE = 0.05
GROWTH = [(count, 1.0) for count in (60, 120, 240, 480)] + [(FRAMES, times) for times in (0.5, 1.0, 2.0, 4.0)]
TIMEOUT_S = 900  # for libmv, of wall time: 10 CPU s are the usual, on a machine that may be busy
COLUMNS = ("ate_pct", "rot_deg", "focal_pct", "lens_px", "cpu_s")


def shot_of(kind: str, seed: int, frame_count: int) -> tuple[Simulated, float]:
    """The tracks with their truth, and the first guess of the focal length in px."""
    random = np.random.default_rng([seed, list(KINDS).index(kind)])
    focal_px = float(random.uniform(0.75, 1.8)) * SIZE_PX[0]
    settings = {"kind": kind, "frame_count": frame_count, **KINDS[kind]}
    if kind == "tiny":
        settings["baseline"] = float(random.uniform(0.003, 0.03))
    lens = (focal_px, float(random.uniform(-0.15, 0.02)), 0.02)
    shot = simulate(seed=seed, size_px=SIZE_PX, lens=lens, visible=VISIBLE, **NOISE, **settings)
    return shot, focal_px * 2.0 ** float(random.uniform(-1, 1))


def solved_by_us(shot: Simulated, guess_px: float, kind: str) -> dict:
    from shotmake.solve.verdict import solve

    camera = Camera(focal_mm=guess_px / SIZE_PX[0] * Camera().sensor_width_mm)
    return solve(SolveInputs(shot.tracks, shot.size_px, shot.frames, camera, Solve(zoom=kind in ZOOMS))).record


def solved_by_colmap(shot: Simulated, guess_px: float, kind: str) -> dict:
    return mapped_by_colmap(shot.tracks, shot.size_px, guess_px)


def solved_by_libmv(shot: Simulated, guess_px: float, kind: str, max_error_px: float = 1e9) -> dict:
    """Blender's solve, its keyframes chosen by us. It is told that a tripod is one, and lets no track go."""
    from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
    from shotmake.solve.checks.parallax import measure_parallax
    from shotmake.solve.start.libmv import find_keyframe_pairs, make_question
    from shotmake.tasks.blender.libmv import make_solver

    markers = Observations.from_tracks(shot.tracks, shot.frames)
    refine = BASE
    parallax = measure_parallax(markers, shot.size_px, [guess_px], refine, compute_pixel_scale(shot.size_px))
    pair = next(iter(find_keyframe_pairs(markers, parallax, shot.size_px)), (0, markers.frame_count - 1))
    asked = make_question(markers, shot.size_px, kind in TRIPODS, refine, max_error_px, guess_px, pair)
    with TemporaryDirectory() as folder:
        signal.signal(signal.SIGALRM, _give_up)
        signal.alarm(TIMEOUT_S)
        try:
            answer = make_solver(Path(folder))(asked)
        except TimeoutError:
            return {"status": "refused", "reason": f"not done in {TIMEOUT_S} s"}
        finally:
            signal.alarm(0)
    if answer is None:
        return {"status": "refused", "reason": "no camera"}
    posed = np.flatnonzero(np.isfinite(answer.cam_from_world[:, 0, 0]))
    return {
        "status": "tripod" if kind in TRIPODS else "solved",
        "lens": answer.lens.to_json(),
        "frames": (posed + shot.frames[0]).tolist(),
        "cam_from_world": answer.cam_from_world[posed].reshape(-1, 12).tolist(),
    }


def _give_up(*signal_and_frame) -> None:
    raise TimeoutError


def cleaned_by_libmv(shot: Simulated, guess_px: float, kind: str) -> dict:
    """The same, and once more without the tracks whose average error is above the default of solve.clean."""
    return solved_by_libmv(shot, guess_px, kind, Solve().clean.max_error_px)


def nearest_truth(shot: Simulated, guess_px: float, kind: str) -> dict:
    """What the noise leaves: our adjustment from the true cameras, points and lens to its optimum, of good tracks only,
    each marker by the true size of its noise. No solver that weights markers one by one can be asked for more."""
    from shotmake.geometry.camera import find_camera_centres
    from shotmake.solve.bundle.adjust import Bundle, adjust, lens_from_vector, vector_from_lens
    from shotmake.solve.bundle.observations import Observations
    from shotmake.solve.bundle.to_and_from_bundle import bundle_of, cameras_of

    if kind == "static":
        return {"status": "refused", "reason": "a static camera has nothing to adjust"}
    everything = Observations.from_tracks(replace(shot.tracks, quality=shot.level_px), shot.frames)
    markers = everything.select_tracks(~np.isin(everything.track_ids, [*shot.moving, *shot.sliding]))
    lens, cameras = Lens.from_json(shot.truth["lens"]), np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    focals_px = np.array(shot.truth["focal_px_per_frame"] or [lens.fx_px] * len(cameras))
    log_zooms, points = np.log(focals_px / lens.fx_px), shot.points[markers.track_ids]
    if kind in TRIPODS:
        rays = points - find_camera_centres(cameras)[0]
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        turns, none = cameras[:, :, :3], np.zeros(len(rays))
        bundle = Bundle(turns, np.zeros((len(turns), 3)), rays, none, vector_from_lens(lens), log_zooms)
    else:
        homogeneous = np.concatenate([points, np.ones((len(points), 1))], 1)
        bundle, middle, size = bundle_of(cameras, markers, lens, log_zooms, homogeneous)
    refine = (*BASE, "zoom") if kind in ZOOMS else BASE
    # 2^.5: the likelihood of the simulation's noise (Student's t, 4 degrees of freedom) has its knee there
    bundle = adjust(bundle, markers, refine, 100, 2**0.5, tolerance=1e-9, weights=markers.expected_px**-2)
    record = {"status": "tripod" if kind in TRIPODS else "solved", "lens": lens_from_vector(bundle.lens).to_json()}
    if kind in ZOOMS:
        record["focal_px_per_frame"] = (bundle.focal_px * np.exp(bundle.log_zooms)).tolist()
    if kind in TRIPODS:
        cameras = np.concatenate([bundle.rotations, np.zeros((len(cameras), 3, 1))], 2)
    else:
        cameras = cameras_of(bundle, middle, size)
    return record | {"frames": shot.truth["frames"], "cam_from_world": cameras.reshape(-1, 12).tolist()}


SOLVERS = {
    "ours": solved_by_us,
    "floor": nearest_truth,
    "libmv": solved_by_libmv,
    "cleaned": cleaned_by_libmv,
    "colmap": solved_by_colmap,
}


def cpu_s(solver: str) -> float:
    """Of libmv only Blender's: what chose its keyframes is ours."""
    own = [] if SOLVERS[solver] in (solved_by_libmv, cleaned_by_libmv) else [resource.RUSAGE_SELF]
    used = [resource.getrusage(who) for who in (*own, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def run(case: tuple[str, int, str, int]) -> dict:
    kind, seed, solver, frame_count = case
    shot, guess_px = shot_of(kind, seed, frame_count)
    began = cpu_s(solver)
    record = SOLVERS[solver](shot, guess_px, kind)
    spent = cpu_s(solver) - began
    row = {"kind": kind, "seed": seed, "solver": solver, "cpu_s": spent, **measure(record, shot.truth)}
    row |= {"reason": record.get("reason", ""), "warnings": record.get("warnings", [])}
    row["guess"] = guess_px / shot.truth["lens"]["fx_px"]
    return row | {"verdict": verdict(row)}


def verdict(row: dict) -> str:
    """right, wrong or refused; ", warned" when it says something."""
    kind, status = row["kind"], row["status"]
    if status == "refused":
        return "refused"
    if kind in PATH_PCT:
        right = status == "solved" and row["ate_pct"] <= WRONG_TIMES * PATH_PCT[kind][1]
        right = right and (abs(row["focal_pct"]) <= WRONG_TIMES * FOCAL_PCT or says_focal(row))
    elif kind == "static":
        right = status == "static"
    else:
        turned = status == "tripod" and abs(row["focal_pct"]) <= WRONG_TIMES * FOCAL_PCT
        small = kind == "tiny" and (status == "static" or (status == "solved" and row["ate_pct"] <= TINY_PATH_PCT))
        right = turned or small
    return ("right" if right else "wrong") + (", warned" if row["warnings"] else "")


def says_focal(row: dict) -> bool:
    """Whether the focal length is called undetermined."""
    return any("determine the focal length" in warning for warning in row["warnings"])


def table(rows: list[dict]) -> Iterator[str]:
    """Medians and the worst, by kind and solver; of refused and incomplete solves only the time counts."""
    grouped = defaultdict(list)
    for row in rows:
        grouped[row["kind"], row["solver"]].append(row)
    yield f"{'median, worst':20}" + "".join(f"{name:>18}" for name in COLUMNS) + "  frames  verdicts"
    for (kind, solver), group in grouped.items():
        cells = []
        for name in COLUMNS:
            values = np.abs([row[name] for row in group if name == "cpu_s" or row["frames_pct"] == 100])
            values = values[np.isfinite(values)]
            cells.append(f"{np.median(values):9.4f}{values.max():9.4f}" if len(values) else f"{'-':>18}")
        verdicts = [row["verdict"] for row in group]
        said = ", ".join(f"{verdicts.count(one)} {one}" for one in sorted(set(verdicts)))
        yield f"{kind:11}{solver:9}" + "".join(cells) + f"{min(row['frames_pct'] for row in group):7.0f}%  {said}"


def limits(rows: list[dict]) -> Iterator[tuple[bool, str]]:
    """(whether it holds, what) of every limit that these rows can tell of."""
    by_solver = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        by_solver[row["solver"]][row["kind"]][row["seed"]] = row
    ours = by_solver["ours"]
    for kind, seeds in ours.items():
        yield from _limits_of_kind(kind, list(seeds.values()))
    for other, most in (("libmv", OF_LIBMV), ("cleaned", OF_LIBMV), ("colmap", OF_COLMAP)):
        for kind in PATH_PCT:
            ratios = _ratios(ours[kind], by_solver[other][kind])
            if len(ratios):
                value = float(ratios.max() if other == "colmap" else np.median(ratios))
                which = "worst seed" if other == "colmap" else "median"
                yield value <= most, f"{kind}: path error {value:.2f} of {other}'s, {which} of {len(ratios)}; <= {most}"
    every = [row for seeds in ours.values() for row in seeds.values()]
    if every:
        wrong = [row for row in every if row["verdict"].startswith("wrong")]
        yield not wrong, f"{len(wrong)} wrong of {len(every)}; 0"
        solvable = [row for row in every if row["kind"] in PATH_PCT and row["status"] != "refused"]
        warned = sum(bool(row["warnings"]) for row in solvable)
        yield warned <= WARNED_SHARE * len(solvable), f"{warned} of {len(solvable)} solvable seeds warned; <= 5 %"


def _limits_of_kind(kind: str, group: list[dict]) -> Iterator[tuple[bool, str]]:
    solved = [row for row in group if row["status"] == "solved"]
    if kind in PATH_PCT:
        refused = len(group) - len(solved)
        allowed = len(group) // 5 if kind == "moving" else 0
        yield refused <= allowed, f"{kind}: {refused} of {len(group)} not solved; <= {allowed}"
        if not solved:
            return
        yield all(row["frames_pct"] == 100 for row in solved), f"{kind}: every frame has a camera"
        middle, worst = PATH_PCT[kind]
        path = [row["ate_pct"] for row in solved]
        holds = np.median(path) <= middle and max(path) <= worst
        found = f"median {np.median(path):.4f}, worst {max(path):.4f} %"
        yield bool(holds), f"{kind}: path error {found}; <= {middle}, {worst} %"
        if middle == 0.01:
            turned = np.median([row["rot_deg"] for row in solved])
            yield bool(turned <= ROTATION_DEG), f"{kind}: rotation median {turned:.4f} deg; <= {ROTATION_DEG}"
        focal = [abs(row["focal_pct"]) for row in solved if not says_focal(row)]
        if focal:
            found = f"median {np.median(focal):.3f}, worst {max(focal):.3f} %"
            yield bool(np.median(focal) <= FOCAL_PCT), f"{kind}: focal length {found}; median <= {FOCAL_PCT}"
        if len(focal) < len(solved):
            yield True, f"{kind}: focal length called undetermined in {len(solved) - len(focal)} of {len(solved)}"
        lens = [row["lens_px"] for row in solved]
        found = f"median {np.median(lens):.3f}, worst {max(lens):.3f} px"
        yield bool(np.median(lens) <= LENS_PX), f"{kind}: lens {found}; median <= {LENS_PX}"
    elif kind in TRIPODS:
        turned = [row for row in group if row["status"] == "tripod"]
        off = max((abs(row["focal_pct"]) for row in turned), default=np.inf)
        holds = len(turned) == len(group) and off <= TRIPOD_FOCAL_PCT
        found = f"{len(turned)} of {len(group)} a tripod, focal length within {off:.2f} %"
        yield bool(holds), f"{kind}: {found}; all, {TRIPOD_FOCAL_PCT} %"


def _ratios(ours: dict[int, dict], theirs: dict[int, dict]) -> np.ndarray:
    """Path error of ours over theirs, by seed; where they posed too few frames to compare, none."""
    found = []
    for seed in ours.keys() & theirs.keys():
        mine, other = ours[seed]["ate_pct"], theirs[seed]["ate_pct"]
        if theirs[seed]["frames_pct"] == 100 and np.isfinite(other):
            found.append(mine / other if np.isfinite(mine) else np.inf)
    return np.array(found)


def grown(case: tuple[int, float]) -> str:
    """How long an orbit of so many frames takes, with so many times the usual tracks."""
    frame_count, times = case
    shot = simulate("orbit", 0, frame_count, SIZE_PX, visible=round(times * VISIBLE),
                    life_frames=50.0 * frame_count / FRAMES, **NOISE)  # fmt: skip
    began = cpu_s("ours")
    record = solved_by_us(shot, FOCAL_GUESS * SIZE_PX[0], "orbit")
    spent, path = cpu_s("ours") - began, measure(record, shot.truth)["ate_pct"]
    return f"{frame_count:6}{len(shot.points):8}{len(shot.tracks):9}{spent:8.1f}{path:9.4f}  {record['status']}"


def line(row: dict) -> str:
    values = "".join(f"{row[name]:10.4f}" for name in COLUMNS[:-1]) + f"{row['cpu_s']:8.1f}"
    said = (row["reason"] or "; ".join(row["warnings"]))[:90]
    head = f"{row['kind']:11}{row['seed']:4} {row['guess']:5.2f} {row['solver']:8}{row['status']:8}"
    return f"{head}{row['frames_pct']:4.0f}%{values}  {row['verdict']}  {said}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=list(SOLVERS))
    parser.add_argument("--frames", type=int, default=FRAMES, help="of all kinds but long")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--growth", action="store_true")
    asked = parser.parse_args()
    if asked.growth:
        print("frames  tracks  markers   cpu_s  ate_pct")
        for case in GROWTH:
            print(grown(case), flush=True)
        return
    seeds = range(asked.first, asked.first + asked.seeds)
    cases = [(kind, seed, solver, asked.frames) for kind in asked.kinds for seed in seeds for solver in asked.solvers]
    print(f"{'kind':11}seed guess solver  status frames" + "".join(f"{name:>9} " for name in COLUMNS), flush=True)
    rows = []
    with get_context("spawn").Pool(asked.processes) as pool:
        for row in pool.imap(run, cases):
            rows.append(row)
            print(line(row), flush=True)
        pool.close()  # else its workers are killed, which pycolmap answers with a stack trace
        pool.join()
    print()
    print("\n".join(table(rows)))
    print()
    for holds, what in limits(rows):
        print(f"{'holds' if holds else 'FAILS'}  {what}")


if __name__ == "__main__":
    main()
