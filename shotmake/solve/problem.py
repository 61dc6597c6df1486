"""What a solve is asked: SolveInputs from outside, SolveProblem from the verdict on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens
from shotmake.solve.between_frames import NOTHING_SKIPPED, Skipped
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.solve.bundle.refine_lens_terms import BASE, TERMS
from shotmake.solve.start import libmv
from shotmake.solve.witness.witness import Look
from shotmake.tracks.markers import Tracks

FOCAL_GUESS = 1.2  # in plate widths: 43 mm on a 36 mm film back, half-way between common lenses


def _say_nothing(step: str) -> None:
    pass


@dataclass(frozen=True)
class SolveInputs:
    """What a solve is given.

    - tracks: of the plate. size_px: (width, height) of its picture. frames: first and last plate frame, inclusive.
    - skipped: of these frames, those that no solver sees; they have no markers.
    - lens: an imported lens, in px of this plate; only the terms in settings.refine may change.
    - weights: the artist's weights, by track id (markers.load_weights).
    - by_libmv: how libmv is called; set if, and only if, settings.engine is blender.
    - look: gives the second witness its view of the plate; None = the witness is not asked.
    - on_step: called with a line for each step.
    """

    tracks: Tracks
    size_px: tuple[int, int]
    frames: tuple[int, int]
    camera: schema.Camera
    settings: schema.Solve
    lens: Lens | None = None
    weights: dict[int, float] | None = None
    by_libmv: libmv.Run | None = None
    look: Look | None = None
    on_step: Callable[[str], None] = _say_nothing
    skipped: Skipped = NOTHING_SKIPPED

    @property
    def all_markers(self) -> Observations:
        """All markers that a solve may use, with the artist's weights."""
        return Observations.from_tracks(self.tracks, self.frames, weights=self.weights, skipped=self.skipped.frames)

    @property
    def focal_px(self) -> float:
        """The first guess of the focal length, in px."""
        if self.camera.focal_mm is None:
            return FOCAL_GUESS * self.size_px[0]
        return self.camera.focal_mm / self.camera.sensor_width_mm * self.size_px[0]

    @property
    def is_usual(self) -> bool:
        """Whether the limit for bad markers is the one with which every camera is found."""
        return self.settings.clean == self.as_usual().settings.clean

    def as_usual(self) -> "SolveInputs":
        """Return the inputs with which a camera is found. Settings that only the end of a solve needs are the defaults.

        For the engine blender, the limit for bad markers stays.
        """
        ours = self.settings.engine != "blender"  # libmv's cameras are not adjusted here
        clean = schema.SolveClean() if ours else self.settings.clean
        return replace(self, settings=replace(self.settings, clean=clean, orient=schema.Orient()))

    def list_refined(self) -> tuple[str, ...]:
        """Return the lens values to refine, in the order of the lens terms.

        "zoom" is among them where every frame has a focal length of its own. An imported lens is refined only where
        settings.refine asks for it. Raises ShotError for settings that contradict each other: lock_focal without
        focal_mm or with a zoom, k2 without k1, k3 without k2, a zoom with an imported lens or without focal.
        """
        camera, settings = self.camera, self.settings
        if camera.lock_focal and camera.focal_mm is None:
            raise ShotError(
                "shot.camera.lock_focal: found true without shot.camera.focal_mm; give the focal length in mm"
            )
        refine = settings.refine
        if refine is None:
            refine = BASE if self.lens is None else ()
        for lower, higher in (("k1", "k2"), ("k2", "k3")):
            if higher in refine and lower not in refine:
                raise ShotError(
                    f"tracking.solve.refine: found {higher} without {lower}; needed {lower} too, as in [focal, k1, k2]"
                )
        wanted = [name for name in (*BASE, *TERMS) if name in refine]
        if settings.zoom and self.lens is not None:
            raise ShotError("tracking.solve.zoom: found true with an imported lens, which has one focal length")
        if settings.zoom and "focal" not in refine:
            raise ShotError("tracking.solve.refine: found no focal, with tracking.solve.zoom: true; needed focal too")
        if settings.zoom and camera.lock_focal:
            raise ShotError(
                "shot.camera.lock_focal: found true with tracking.solve.zoom: true; needed only one of them"
            )
        refined = tuple(name for name in wanted if not (name == "focal" and camera.lock_focal))
        return (*refined, "zoom") if settings.zoom else refined


@dataclass(frozen=True)
class SolveProblem:
    """What the verdict and the solvers after it are asked.

    markers: the markers that a solver may use. held_out: the markers of the tracks that no solver sees. size_px: as in
    SolveInputs. focal_px: the first guess; focal_is_told: whether the config says it. refined: the lens values that may
    change.
    """

    markers: Observations
    held_out: Observations
    size_px: tuple[int, int]
    focal_px: float
    focal_is_told: bool
    refine: tuple[str, ...]
    settings: schema.Solve
    on_step: Callable[[str], None] = _say_nothing
    by_libmv: libmv.Run | None = None

    @property
    def scale(self) -> float:
        """The factor for thresholds in px (observations.compute_pixel_scale)."""
        return compute_pixel_scale(self.size_px)

    @property
    def max_error_px(self) -> float:
        """The limit for bad markers, in px."""
        return self.settings.clean.max_error_px

    def with_first_terms(self) -> "SolveProblem":
        """Return the problem without the lens values that wait until cameras and points stand (lens_terms.TERMS)."""
        return replace(self, refine=tuple(name for name in self.refine if name not in TERMS))
