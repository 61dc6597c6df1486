"""report.html: the report's figures with pictures, curves, the camera from above and the lens, in one file."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from shotmake.files.movie_file import open_movie
from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens, distort, list_border_px, undistort
from shotmake.report.charts import Curve, draw_chart, make_page
from shotmake.report.object_timeline import STYLE as TIMELINE_STYLE
from shotmake.report.object_timeline import make_objects_section

PICTURES, PICTURE_PX, JPEG_QUALITY = 3, 960, 82  # stills of the preview: how many, their width in px
POINTS_SHOWN = 600  # about how many points the view from above shows
GRID = (16, 9)  # cells of the lens's grid
NAMED = 40  # how many tracks a list names; the others stand in quality.json
STYLE = """
.verdict { font-size: 1.5rem; margin: .2rem 0; color: var(--ink) } .bad { color: var(--c6) } .good { color: var(--c2) }
ul { margin: .3rem 0; padding-left: 1.2rem } img { width: 100%; display: block } table { width: auto }
td.text { white-space: normal; max-width: 44rem } .plan { stroke: var(--c0); fill: none; stroke-width: 2 }
.point { stroke: var(--faint); stroke-width: 2.5; stroke-linecap: round; fill: none }
.ideal { stroke: var(--line); fill: none } .bent { stroke: var(--c1); fill: none }
"""

Still = tuple[int, bytes]  # frame number, JPEG


def read_stills(preview: Path, first_frame: int, frames: Sequence[int]) -> list[Still]:
    """Return these frames of a preview as JPEGs. first_frame: the plate frame number of the preview's first frame."""
    import cv2

    found = []
    with open_movie(preview, preview.name, "tracking.preview") as movie:
        for number, frame in enumerate(movie.decode(video=0), first_frame):
            if number in frames:
                height = round(frame.height * PICTURE_PX / frame.width)
                picture = cv2.resize(
                    frame.to_ndarray(format="bgr24"), (PICTURE_PX, height), interpolation=cv2.INTER_AREA
                )
                _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
                found.append((number, data.tobytes()))
    return found


def choose_frames(summary: dict, solution: dict | None) -> list[int]:
    """Choose the frames to show: first, last, and the one with the largest error between them, or the middle one."""
    first, last = summary["frames"]
    inside = {}
    if solution is not None and solution["status"] != "refused":
        errors = zip(solution["frames"], solution["rms_px_per_frame"], strict=False)
        inside = {frame: error for frame, error in errors if first < frame < last and error is not None}
    worst = max(inside, key=lambda frame: inside[frame]) if inside else (first + last) // 2
    return sorted({first, worst, last})


def make_report_html(summary: dict, solution: dict | None, points_xyz: np.ndarray, pictures: Sequence[Still]) -> str:
    """Return the page as HTML.

    summary: the contents of report.json; solution: a solve JSON or None; points_xyz: (P, 3) solved points, world units.
    """
    solved = solution if solution is not None and solution["status"] != "refused" else None
    charts = _draw_charts(summary, solved)
    if solved is not None:
        charts += _draw_from_above(solved, points_xyz) if solved["status"] == "solved" else ""
        charts += _draw_lens(solved)
    name = solution["shot"] if solution else Path(summary["plate"]["files"][0]).stem
    shown = "".join(_show_picture(*still) for still in pictures)
    body = (
        f'{_show_verdict(summary)}<div class="charts">{shown}</div><div '
        f'class="charts">{charts}</div>{_make_tables(summary)}'
    )
    if "objects" not in summary:
        return make_page(name, body, STYLE)
    return make_page(name, body + make_objects_section(summary["objects"]), STYLE + TIMELINE_STYLE)


def _show_verdict(summary: dict) -> str:
    solve = summary["solve"]
    if solve is None:
        head = '<p class="verdict">no solve</p>'
    elif solve["status"] == "refused":
        head = f'<p class="verdict bad">refused</p><p>{escape(solve["reason"])}</p>'
    else:
        word = "bad" if summary["faults"] else "good"
        head = f'<p class="verdict {word}">{solve["status"]}, confidence {solve["confidence"]:.2f}</p>'
    said = ""
    for title, lines in (
        ("Beyond tracking.qc", summary["faults"]),
        ("Warnings", summary["warnings"]),
        ("Notes", summary["notes"]),
    ):
        if lines:
            said += f"<b>{title}</b><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
    return head + said


def _show_picture(frame: int, jpeg: bytes) -> str:
    data = base64.b64encode(jpeg).decode()
    image = f'<img alt="frame {frame}" src="data:image/jpeg;base64,{data}">'
    return f"<figure><figcaption>frame {frame}</figcaption>{image}</figure>"


def _draw_charts(summary: dict, solved: dict | None) -> str:
    first = summary["frames"][0]
    tracks = summary["tracks"]
    made = ""
    if tracks is not None:
        made += draw_chart("Tracks", [Curve("tracks", 0, tracks["first_frame"], tracks["tracks_per_frame"])], True)
    if solved is None or solved["status"] == "static":
        return made
    at = {frame: index for index, frame in enumerate(solved["frames"])}
    span = range(first, summary["frames"][1] + 1)

    def order_by_frame(values: Sequence[float | None]) -> list[float | None]:
        return [values[at[frame]] if frame in at else None for frame in span]

    if solved["rms_px_per_frame"]:
        made += draw_chart(
            "Reprojection error, RMS px", [Curve("px", 0, first, order_by_frame(solved["rms_px_per_frame"]))], True
        )
    cameras = np.array(solved["cam_from_world"]).reshape(-1, 3, 4)
    if solved["status"] == "solved":
        unit = "m" if solved["scale_known"] else "units"
        moved = find_camera_centres(cameras)
        moved = moved - moved[0]
        curves = [
            Curve(axis, number, first, order_by_frame(moved[:, number].tolist())) for number, axis in enumerate("xyz")
        ]
        made += draw_chart(f"Camera's place from the first frame, {unit}", curves, False, with_key=True)
    turned = _measure_turns_deg(cameras[:, :, :3])
    names = ("tilt", "pan", "roll")
    curves = [
        Curve(axis, number, first, order_by_frame(turned[:, number].tolist())) for number, axis in enumerate(names)
    ]
    made += draw_chart("Camera's turn from the first frame, deg", curves, False, with_key=True)
    if solved["focal_px_per_frame"]:
        made += draw_chart(
            "Focal length, px", [Curve("focal", 0, first, order_by_frame(solved["focal_px_per_frame"]))], False
        )
    return made


def _measure_turns_deg(rotations: np.ndarray) -> np.ndarray:
    """Return the turns (N, 3) about the first camera's x, y and z, deg, of cam_from_world rotations (N, 3, 3)."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(rotations @ rotations[0].T).as_rotvec(degrees=True)


def _draw_from_above(solved: dict, points_xyz: np.ndarray) -> str:
    """Draw the camera's path and the points on the ground plane, x to the right, y up."""
    centres = find_camera_centres(np.array(solved["cam_from_world"]).reshape(-1, 3, 4))[:, :2]
    points = points_xyz[:: max(1, len(points_xyz) // POINTS_SHOWN), :2]
    if len(points):  # a few far points must not make everything else small
        reach = 3 * np.abs(points - np.median(points, 0)).mean(0).max()
        points = points[(np.abs(points - np.median(points, 0)) < reach).all(1)]
    low, high = (side(np.concatenate([centres, points]), 0) for side in (np.min, np.max))
    room = 0.04 * float((high - low).max()) or 1.0
    low, size = low - room, (high - low) + 2 * room
    scale = 720 / size[0]

    def format_places(xy: np.ndarray) -> list[str]:
        return [f"{(x - low[0]) * scale:.1f} {(low[1] + size[1] - y) * scale:.1f}" for x, y in xy]

    dots = "".join(f"M{at}h.1" for at in format_places(points))
    start = format_places(centres[:1])[0].split()
    return (
        "<figure><figcaption>From above: the camera's path (ring: first frame) and the solved points</figcaption>"
        f'<svg viewBox="0 0 720 {size[1] * scale:.0f}"><path class="point" d="{dots}"/>'
        f'<path class="plan" d="M{"L".join(format_places(centres))}"/>'
        f'<circle class="plan" cx="{start[0]}" cy="{start[1]}" r="6"/></svg></figure>'
    )


def _draw_lens(solved: dict) -> str:
    """Draw a straight grid of the plate's size, and what the lens makes of it."""
    lens, (width, height) = Lens.from_json(solved["lens"]), solved["image_size_px"]
    ideal = lens.without_distortion()
    lines = [np.linspace((x, 0), (x, height), 33) for x in np.linspace(0, width, GRID[0] + 1)]
    lines += [np.linspace((0, y), (width, y), 33) for y in np.linspace(0, height, GRID[1] + 1)]
    bent = [lens.px_from_normalised(distort(ideal.normalised_from_px(line), lens)) for line in lines]
    border = list_border_px((width, height))
    away = lens.px_from_normalised(undistort(lens.normalised_from_px(border), lens)) - border
    most_px = float(np.linalg.norm(away, axis=1).max())

    def format_path(found: list[np.ndarray]) -> str:
        return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line) for line in found)

    thick = max(width, height) / 720
    return (
        f"<figure><figcaption>Lens: {lens.fx_px:.1f} px; distortion moves the border by up to {most_px:.1f} px"
        f'</figcaption><svg viewBox="0 0 {width} {height}" stroke-width="{thick:.2f}">'
        f'<path class="ideal" d="{format_path(lines)}"/><path class="bent" d="{format_path(bent)}"/></svg></figure>'
    )


def _make_tables(summary: dict) -> str:
    plate, tracks, solve = summary["plate"], summary["tracks"], summary["solve"]
    rate = plate["frame_rate"]
    rows = [
        ("plate", plate["files"][0] if len(plate["files"]) == 1 else f"{plate['files'][0]} .. {plate['files'][-1]}"),
        ("size", "{} x {} px".format(*plate["size_px"])),
        ("frame rate", f"{rate[0]}/{rate[1]}" if rate[1] != 1 else str(rate[0])),
        ("frames", "{} to {}".format(*summary["frames"])),
    ]
    if tracks is not None:
        rows += [
            ("tracks", f"{tracks['tracks']}, {tracks['markers']} markers, "
                       f"a frame {tracks['tracks_per_frame_min']} or more"),
            ("coverage", f"{tracks['coverage_mean']:.0%} of the frame, {tracks['coverage_min']:.0%} at least"),
            *((name, _join_names(tracks[f"{name.split()[0]}_tracks"])) for name in
              ("short tracks", "jumping tracks", "poor tracks")),
        ]  # fmt: skip
    if solve is not None and solve["status"] != "refused":
        lens = solve["lens"]
        rows += [
            ("solve", f"{solve['status']}, {solve['kind']}, by {solve['engine']}"),
            ("frames with a camera", f"{solve['frames_pct']:.0f} %"),
            ("error", f"RMS {_format_px(solve['rms_px'])}, hold-out tracks {_format_px(solve['holdout_rms_px'])}"),
            ("tracks used", str(solve["tracks_used"])),
            ("lens", ", ".join(f"{name} {lens[name]:.6g}" for name in
                               ("fx_px", "fy_px", "cx_px", "cy_px", "k1", "k2", "k3", "p1", "p2") if name in lens)),
            ("size of the world", "known, in metres" if solve["scale_known"] else "unknown"),
        ]  # fmt: skip
    cells = (
        f'<tr><th class="text">{escape(name)}</th><td class="text">{escape(value)}</td></tr>' for name, value in rows
    )
    return f'<div class="wide"><table>{"".join(cells)}</table></div>'


def _join_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)}: {', '.join(names[:NAMED])}{more}" if names else "none"


def _format_px(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} px"
