"""A solved shot put into its true world by what an artist picks, types or measured."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.measures.measure import angle_deg, poses
from helpers.plates.simulated import Simulated, simulate
from shotmake.config import schema
from shotmake.config.check import ConfigFaults, load
from shotmake.config.check_orient import has_track_names
from shotmake.errors import ShotError
from shotmake.geometry.camera import find_camera_centres, project
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.triangulate import compute_marker_errors_px, triangulate
from shotmake.solve.orient.orient import orient_moving, orient_tripod
from shotmake.solve.orient.picks import Solved, with_ids
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import Solution, solve
from shotmake.tasks.stages.solve.stage import SOLVE

PLACES = np.array([[-0.25, -0.15, 0], [0.3, -0.1, 0], [0.25, 0.3, 0], [-0.3, 0.25, 0], [0, 0.1, 0], [0, 1.2, 0]])


def lengths_of(shot: Simulated) -> np.ndarray:
    return np.bincount(shot.tracks.track_id, minlength=len(shot.points))


def nearest_tracks(shot: Simulated, places: np.ndarray, on_desk: bool) -> list[int]:
    """Ids of the long tracks nearest to true places, on the desk or above it."""
    fit = (lengths_of(shot) >= 20) & (on_desk == (shot.points[:, 2] < 1e-6))
    gaps = np.where(fit, np.linalg.norm(shot.points - places[:, None], axis=2), np.inf)
    return gaps.argmin(1).tolist()


def pick(shot: Simulated, track: int, off_px: float = 1.0) -> dict:
    """What an artist clicks for a track: about where it is in some frame."""
    rows = np.flatnonzero(shot.tracks.track_id == track)
    row = rows[len(rows) // 2]
    return {"frame": int(shot.tracks.frame[row]), "xy_px": (shot.tracks.xy_px[row].astype(float) + off_px).tolist()}


def measured(shot: Simulated, tracks: list[int]) -> list[dict]:
    return [{**pick(shot, track), "xyz_m": shot.points[track].tolist()} for track in tracks]


def true_cameras(shot: Simulated, origin=(0, 0, 0), turned_deg: float = 0.0) -> np.ndarray:
    """(N, 3, 4) of a world with this origin whose X axis is turned from the true one."""
    cameras = np.array(list(poses(shot.truth).values()))
    turn = Rotation.from_euler("z", turned_deg, degrees=True).as_matrix()
    shift = cameras[:, :, 3] + cameras[:, :, :3] @ np.array(origin)
    return np.concatenate([cameras[:, :, :3] @ turn, shift[:, :, None]], 2)


def coincide(cameras: np.ndarray, truth: np.ndarray, position_pct=0.2, rotation_deg=0.05, about=(0, 0, 0)) -> None:
    miss = np.linalg.norm(find_camera_centres(cameras) - find_camera_centres(truth), axis=1)
    distance = np.linalg.norm(find_camera_centres(truth) - np.array(about), axis=1)
    turned = angle_deg(cameras[:, :, :3] @ np.swapaxes(truth[:, :, :3], 1, 2))
    assert (100 * miss / distance).max() < position_pct
    assert turned.max() < rotation_deg


@pytest.fixture(scope="module")
def shot() -> Simulated:
    return simulate("orbit", seed=4, frame_count=36, visible=130, first_frame=1001, white_px=0.05, drift_px=0.005)


@pytest.fixture(scope="module")
def survey(shot) -> list[dict]:
    low = nearest_tracks(shot, PLACES[:4], on_desk=True)
    high = nearest_tracks(shot, PLACES[[1, 3, 5]] + [0, 0, 0.4], on_desk=False)
    return measured(shot, [*low, *high])


@pytest.fixture(scope="module")
def solution(shot, survey) -> Solution:
    return solve(
        SolveInputs(
            shot.tracks, shot.size_px, shot.frames, schema.Camera(), schema.Solve(orient=schema.Orient(survey=survey))
        )
    )


@pytest.fixture(scope="module")
def solved(shot, solution) -> Solved:
    """The solve as it was before it was oriented: in a world turned, scaled and shifted."""
    cameras = np.array(list(poses(solution.record).values()))
    turn, scale, shift = Rotation.random(rng=3).as_matrix(), 0.37, np.array([5.0, -2.0, 9.0])
    rotations = cameras[:, :, :3] @ turn.T
    cameras = np.concatenate([rotations, (scale * cameras[:, :, 3] - rotations @ shift)[:, :, None]], 2)
    markers = Observations.from_tracks(shot.tracks, shot.frames)
    points = np.full((len(markers.track_ids), 3), np.nan)
    known = np.searchsorted(markers.track_ids, solution.points["track_id"])
    points[known] = scale * solution.points["point_xyz"] @ turn.T + shift
    lens = Lens.from_json(solution.record["lens"])
    frames = np.array(solution.record["frames"])
    errors = np.full(len(points), np.nan)
    errors[known] = solution.points["error_px"]
    return Solved(cameras, frames, lens, shot.size_px, markers, points, errors)


def oriented(solved: Solved, **orient):
    reliable = solved.points[np.isfinite(solved.points[:, 0])]
    world = orient_moving(solved, reliable, 0.5, schema.Orient(**orient))
    return world, world.transform_cameras(solved.cam_from_world)


def refusal(solved: Solved, **orient) -> str:
    with pytest.raises(ShotError) as failure:
        oriented(solved, **orient)
    (line,) = str(failure.value).splitlines()
    assert line.startswith("tracking.solve.orient.")
    return line


def test_survey_points_put_the_solve_into_their_world(shot, solution, survey):
    record = solution.record
    assert record["scale_known"] and record["warnings"] == [] and record["frames"][0] == 1001
    coincide(np.array(list(poses(record).values())), true_cameras(shot))
    points = solution.points
    assert len(points["survey_track_id"]) == len(survey) == 7
    assert 0 < points["survey_miss_m"].max() < 0.01 and 0 < points["survey_miss_px"].max() < 3


def test_ground_origin_axis_and_distance_of_tracks(shot, solved):
    ground = nearest_tracks(shot, PLACES, on_desk=True)
    a, b = (shot.points[track] for track in (ground[0], ground[2]))
    picked = {
        "ground": [pick(shot, track) for track in ground],
        "origin": {**pick(shot, ground[0]), "snap": True},
        "distance": {
            "a": {"track": ground[0]},
            "b": {**pick(shot, ground[2]), "snap": True},
            "metres": float(np.linalg.norm(a - b)),
        },
    }
    heading_deg = float(np.degrees(np.arctan2(*(b - a)[1::-1])))
    for axis, turned_deg in (("x_axis", heading_deg), ("y_axis", heading_deg - 90)):
        world, cameras = oriented(solved, **picked, **{axis: {"track": ground[2]}})
        assert world.scale_known and world.ground_found and world.warnings == ()
        coincide(cameras, true_cameras(shot, a, turned_deg), position_pct=0.3)
        along = world.transform_points(solved.points[[np.searchsorted(solved.markers.track_ids, ground[2])]])[0]
        assert along[0 if axis == "x_axis" else 1] == pytest.approx(np.linalg.norm(b - a), rel=1e-3)


def test_pixels_on_the_ground_and_the_camera_height(shot, solved):
    ends = np.array([[-0.2, 0.0, 0.0], [0.3, 0.1, 0.0]])
    cameras, lens = poses(shot.truth), Lens.from_json(shot.truth["lens"])
    at = [{"frame": frame, "xy_px": project(ends, cameras[frame], lens)[0][end].tolist()}
          for end, frame in ((0, 1005), (1, 1030))]  # fmt: skip
    ground = [pick(shot, track) for track in nearest_tracks(shot, PLACES, on_desk=True)]
    heights = find_camera_centres(true_cameras(shot))[:, 2]
    turned_deg = float(np.degrees(np.arctan2(0.1, 0.5)))
    for said in (
        {"camera_height_m": float(np.median(heights))},
        {"camera_height_m": float(heights[9]), "camera_height_frame": 1010},
        {"distance": {"a": at[0], "b": at[1], "metres": float(np.linalg.norm(ends[1] - ends[0]))}},
    ):
        world, found = oriented(solved, ground=ground, origin=at[0], x_axis=at[1], **said)
        assert world.scale_known
        coincide(found, true_cameras(shot, ends[0], turned_deg), position_pct=0.3)


def test_an_origin_on_a_track_is_that_point(shot, solved):
    (track,) = nearest_tracks(shot, PLACES[:1] + [0, 0, 0.4], on_desk=False)
    row = np.searchsorted(solved.markers.track_ids, track)
    world, _ = oriented(solved, origin={"track": track})
    assert np.allclose(world.transform_points(solved.points[[row]]), 0, atol=1e-9)
    ground = [pick(shot, at) for at in nearest_tracks(shot, PLACES, on_desk=True)]
    world, _ = oriented(solved, origin={"track": track}, ground=ground)
    foot = world.transform_points(solved.points[[row]])[0]
    assert np.allclose(foot[:2], 0, atol=1e-9) and foot[2] > 0.1  # the picked floor stays z = 0


def test_two_survey_points_give_size_place_and_heading(shot, solved):
    two = measured(shot, nearest_tracks(shot, PLACES[[0, 2]], on_desk=True))
    ground = [pick(shot, track) for track in nearest_tracks(shot, PLACES, on_desk=True)]
    world, cameras = oriented(solved, survey=two, ground=ground)
    assert world.scale_known and world.warnings == ()
    coincide(cameras, true_cameras(shot), position_pct=0.4, rotation_deg=0.2)
    steep = [two[0], {**two[1], "xyz_m": [*two[1]["xyz_m"][:2], 0.3]}]
    world, _ = oriented(solved, survey=steep, ground=ground)
    assert "the ground and the points differ by" in world.warnings[0].text and world.warnings[0].code == "survey_tipped"
    line = refusal(solved, survey=[two[0], {**two[1], "xyz_m": [*two[0]["xyz_m"][:2], 0.5]}])
    assert "one point above the other" in line


def test_a_survey_point_that_cannot_be_right_is_named_and_left_out(shot, solved, survey):
    for wrong in range(len(survey)):
        entry = {**survey[wrong], "xyz_m": (np.array(survey[wrong]["xyz_m"]) + [0.1, -0.15, 0.1]).tolist()}
        world, cameras = oriented(solved, survey=[*survey[:wrong], entry, *survey[wrong + 1 :]])
        warning, code = world.warnings[0].text, world.warnings[0].code
        assert code == "survey_point_left_out" and len(world.warnings) == 1
        assert "left out" in warning and f"{entry['xy_px']} in frame {entry['frame']} by 0.2" in warning
        assert warning.count(" in frame ") == 1
        assert world.survey["miss_m"][wrong] == pytest.approx(0.206, abs=0.01) and world.survey["miss_px"][wrong] > 30
        coincide(cameras, true_cameras(shot))


def test_a_survey_point_a_little_off_is_named(shot, solved, survey):
    entry = {**survey[2], "xyz_m": (np.array(survey[2]["xyz_m"]) + [0.012, 0.01, 0.0]).tolist()}
    world, cameras = oriented(solved, survey=[*survey[:2], entry, *survey[3:]])
    (reason,) = world.warnings
    warning = reason.text
    assert f": {entry['xy_px']} in frame {entry['frame']} by 0.01" in warning and "left out" in warning
    coincide(cameras, true_cameras(shot))


def test_a_survey_that_does_not_hold_together_is_said(shot, solved, survey):
    swapped = [{**survey[0], "xyz_m": survey[1]["xyz_m"]}, {**survey[1], "xyz_m": survey[0]["xyz_m"]}, survey[4]]
    assert "survey: found points that contradict each other: " in refusal(solved, survey=swapped)
    loosely = [{**survey[0], "xyz_m": (np.array(survey[0]["xyz_m"]) + [0.05, 0, 0]).tolist()}, survey[1], survey[4]]
    world, _ = oriented(solved, survey=loosely)
    assert [one.code for one in world.warnings] == ["survey_contradicts"]
    mirrored = [{**entry, "xyz_m": (np.array(entry["xyz_m"]) * [1, -1, 1]).tolist()} for entry in survey]
    assert "and with the cameras tipped by 1" in refusal(solved, survey=mirrored[:6])  # flat points are turned over
    assert "survey: found points that contradict each other: " in refusal(solved, survey=mirrored[1:6])
    y_up = [{**entry, "xyz_m": [entry["xyz_m"][0], entry["xyz_m"][2], -entry["xyz_m"][1]]} for entry in survey]
    world, _ = oriented(solved, survey=y_up)
    assert "about up; xyz_m is Z up" in world.warnings[0].text and len(world.warnings) == 1
    far = [{**entry, "xyz_m": (np.array(entry["xyz_m"]) + [5e6, 0, 0]).tolist()} for entry in survey]
    world, _ = oriented(solved, survey=far)
    assert world.warnings[0].code == "survey_far" and len(world.warnings) == 1


def test_picks_that_cannot_be_used_are_one_line_with_numbers(shot, solved, survey):
    ground = [pick(shot, track) for track in nearest_tracks(shot, PLACES, on_desk=True)]
    on_line = nearest_tracks(shot, np.linspace([-0.3, -0.1, 0], [0.3, 0.2, 0], 3), on_desk=True)
    off = {"frame": 1005, "xy_px": [-90.0, 5.0]}
    assert " px off; needed one within 5.0 px" in refusal(solved, ground=[*ground[:2], off])
    assert "there is none in that frame" in refusal(solved, ground=[*ground[:2], {"frame": 9, "xy_px": [9, 9]}])
    assert "which are one track" in refusal(solved, ground=[*ground[:3], ground[1]])
    assert "track 99999, which has no solved point" in refusal(solved, origin={"track": 99999})
    lost = {"name": "sign", "track": 99999}
    assert "found sign, which has no solved point; needed one that has" in refusal(solved, x_axis=lost)
    thin = replace(solved, points=solved.points.copy())
    rows = np.searchsorted(thin.markers.track_ids, on_line)
    thin.points[rows[1]] = thin.points[rows[[0, 2]]].mean(0)
    assert "picks on a line (0.0% as wide as long)" in refusal(thin, ground=[{"track": track} for track in on_line])
    line = [{"track": track, "xyz_m": [at, 0, 0]} for at, track in enumerate(on_line)]
    assert "points on a line (0.0% as wide as long)" in refusal(solved, survey=line)
    assert "above the origin" in refusal(solved, origin={"track": on_line[0]}, x_axis={"track": on_line[0]})
    distance = {"a": {"track": on_line[0]}, "b": {"track": on_line[2]}, "metres": 0.7}
    both = refusal(solved, distance=distance, camera_height_m=3.0)
    assert "tracking.solve.orient.distance" in both and "tracking.solve.orient.camera_height_m" in both
    assert "has no solved camera" in refusal(solved, camera_height_m=1.0, camera_height_frame=7)


def test_a_ground_pick_off_the_floor_is_named(shot, solved):
    ground = [pick(shot, track) for track in nearest_tracks(shot, PLACES[:5], on_desk=True)]
    (high,) = nearest_tracks(shot, PLACES[4:5] + [0, 0, 0.3], on_desk=False)
    world, _ = oriented(solved, ground=[*ground, pick(shot, high)])
    (reason,) = world.warnings
    assert reason.code == "ground_uneven" and f"frame {pick(shot, high)['frame']} is off" in reason.text


def test_a_track_that_slides_is_named(shot, solved):
    steady, slides = nearest_tracks(shot, PLACES[[0, 2]], on_desk=True)
    markers = solved.markers
    drift_px = 0.35 * (markers.frame[:, None] - 18) * (markers.track_ids[markers.track] == slides)[:, None]
    markers = replace(markers, xy_px=markers.xy_px + drift_px * [1, -1])
    points = triangulate(markers, solved.cam_from_world, solved.lens)
    errors = compute_marker_errors_px(points, markers, solved.cam_from_world, solved.lens)
    mean_px = np.bincount(markers.track, errors) / markers.lengths
    world, _ = oriented(
        replace(solved, markers=markers, points=points[:, :3] / points[:, 3:], error_px=mean_px),
        origin={"track": steady},
        x_axis={"track": slides},
        distance={"a": {"track": steady}, "b": {"track": slides}, "metres": 1},
    )
    assert {one.code for one in world.warnings} == {"pick_slides"}
    assert [one.text.split(" has an error of ")[0] for one in world.warnings] == [
        f"tracking.solve.orient.x_axis: track {slides}",
        f"tracking.solve.orient.distance: track {slides}",
    ]


def test_a_tripod_has_a_height_but_no_points(shot, solved, survey):
    cameras = solved.cam_from_world * [1, 1, 1, 0]
    level = replace(solved, cam_from_world=cameras, points=None)
    world = orient_tripod(level, schema.Orient(camera_height_m=1.62))
    assert world.scale_known
    assert np.allclose(find_camera_centres(world.transform_cameras(cameras))[:, 2], 1.62)
    for key, said in (("survey", survey), ("ground", survey[:3]), ("origin", {"track": 3})):
        with pytest.raises(ShotError, match=f"orient.{key}: found .*camera_height_m"):
            orient_tripod(level, schema.Orient(**{key: said}))


def checked(orient: dict, manual: list | None = None):
    tree = {"shot": {"name": "s", "footage": {"file": "a.mp4"}}}
    return load({**tree, "tracking": {"solve": {"orient": orient}, "manual": manual or []}})


SIGN = {"name": "sign", "frame": 7, "xy_px": [10.0, 20.5]}
AT = {"frame": 3, "xy_px": [1.5, 2]}


def test_every_form_of_a_pick_is_read_and_names_get_the_ids_of_their_tracks():
    orient = {
        "ground": ["sign", AT, {"track": 12}],
        "origin": {**AT, "snap": True},
        "x_axis": "sign",
        "distance": {"a": "sign", "b": AT, "metres": 2},
    }
    named, sign = {"sign": 41}, {"name": "sign", "track": 41}
    loaded = checked(orient, [SIGN]).tracking.solve.orient
    found = with_ids(loaded, named)
    assert has_track_names(loaded) and found.ground == [sign, AT, {"track": 12}] and found.x_axis == sign
    assert found.origin == {**AT, "snap": True} and found.y_axis is None
    assert found.distance == {"a": sign, "b": AT, "metres": 2}
    survey = [{"name": "sign", "xyz_m": [0, 0, 1]}, {**AT, "xyz_m": [1, 0, 1]}]
    found = with_ids(checked({"survey": survey}, [SIGN]).tracking.solve.orient, named)
    assert found.survey == [{**sign, "xyz_m": [0, 0, 1]}, survey[1]]
    plain = checked({"ground": [AT] * 3, "distance": {"frame": 3, "a_px": [1, 2], "b_px": [3, 4], "metres": 1}})
    assert not has_track_names(plain.tracking.solve.orient)
    assert with_ids(plain.tracking.solve.orient, {}) == plain.tracking.solve.orient
    with pytest.raises(ShotError, match="orient.x_axis: found sign, which is no track's name; there are: post"):
        with_ids(schema.Orient(x_axis="sign"), {"post": 1})


def test_the_solve_reads_names_only_where_a_pick_is_one():
    named, plain = checked({"origin": "sign"}, [SIGN]), checked({"origin": AT}, [SIGN])
    assert "quality" in SOLVE.reads(named) and "quality" not in SOLVE.reads(plain)


@pytest.mark.parametrize(
    ("orient", "key", "words"),
    [
        ({"origin": "sgin"}, "origin", "found 'sgin', no manual track's name; there are: sign"),
        ({"origin": {"frame": 3}}, "origin", "found {frame}; needed {frame, xy_px: [x, y]}"),
        ({"origin": {"frame": 3.5, "xy_px": [1, 2]}}, "origin", "needed {frame, xy_px: [x, y]}"),
        ({"x_axis": {**AT, "snap": "yes"}}, "x_axis", "with snap: true"),
        ({"ground": [AT, AT]}, "ground", "found 2; needed three picks or more"),
        ({"ground": [AT, AT, {"track": "a"}]}, "ground[2]", "{track: id}"),
        ({"x_axis": AT, "y_axis": AT}, "y_axis", "needed one of them"),
        ({"distance": {"a": "sign", "b": AT, "metres": 0}}, "distance.metres", "a length above 0"),
        ({"distance": {"a": "sign", "b": {}, "metres": 1}}, "distance.b", "needed {frame, xy_px: [x, y]}"),
        ({"distance": {"frame": 3, "a_px": [1, 2], "metres": 1}}, "distance", "needed {frame, a_px, b_px, metres}"),
        (
            {"distance": {"frame": 3, "a_px": [1, 2], "b_px": [1], "metres": 1}},
            "distance.b_px",
            "needed {frame, xy_px: [x, y]}",
        ),
        ({"camera_height_m": -1}, "camera_height_m", "at least 0.001 (m)"),
        ({"camera_height_frame": 3}, "camera_height_frame", "without tracking.solve.orient.camera_height_m"),
        ({"survey": [{"name": "sign", "xyz_m": [0, 0, 0]}]}, "survey", "found 1; needed three points"),
        ({"survey": [{**AT, "xyz_m": [0, 0]}, {**AT, "xyz_m": [0, 0, 1]}]}, "survey[0]", "needed [x, y, z] in metres"),
        ({"survey": [{**AT, "xyz_m": [0, 0, at]} for at in range(3)], "ground": [AT] * 3}, "ground", "drop one"),
        ({"survey": [{**AT, "xyz_m": [0, 0, at]} for at in range(2)], "origin": AT}, "origin", "drop one"),
    ],
)
def test_faults_name_their_key(orient, key, words):
    with pytest.raises(ConfigFaults) as caught:
        checked(orient, [SIGN])
    (fault,) = caught.value.faults
    assert fault.key == f"tracking.solve.orient.{key}" and words in fault.message
