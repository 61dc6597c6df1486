"""Does a show stay right over many small edits? Edits at random, each followed by a build, a verify and a build that
has nothing to do; in the end a fresh build must come out the same.

Run: python tests/benchmarks/soak.py [--edits 200] [--first 0] [--show FOLDER]

A small plate, tracks, objects and exports, no Blender. After each edit: the build ends well, verify ends well, the next
build does nothing. After each twentieth: what gc lists goes, and the next build has nothing to do. In the end: what is
in build/ equals that of a fresh show with the same plate and YAML, byte for byte. A line for each edit that failed.
"""

import argparse
import hashlib
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers.shows.attack import make_small, small_movie
from helpers.shows.project import Project

YAML = """\
# @package _global_
shot:
  name: mini
  footage: {{file: footage/mini.mp4, frame_range: [{first}, {last}]}}
  export: [{exports}]
tracking:
  detect: {{min_tracks: {min_tracks}}}
  track: {{segment_frames: {segment_frames}, pattern_px: {pattern_px}}}
  clean: {{min_frames: {min_frames}}}
  solve: {{enabled: false}}
  objects: {{enabled: {objects}, detections: footage/boxes.txt}}
"""
FRAMES = 24
START = {"first": 1, "last": FRAMES, "exports": "", "min_tracks": 60, "segment_frames": 8, "pattern_px": 15,
         "min_frames": 4, "objects": "true"}  # fmt: skip
CHOICES = {
    "first": (1, 3, 5), "last": (16, 20, FRAMES), "exports": ("", "tracks_csv", "tracks_csv, tracks_uv"),
    "min_tracks": (40, 60, 80), "segment_frames": (8, 16), "pattern_px": (15, 17), "min_frames": (4, 6),
    "objects": ("true", "false"),
}  # fmt: skip


class Show:
    """The show, and what its YAML, boxes and plate are at the moment."""

    def __init__(self, project: Project, movies: list[Path], chosen: random.Random):
        self.project, self.movies, self.random = project, movies, chosen
        self.values, self.moved, self.plate = dict(START), 0, 0

    def edit(self) -> str:
        """One small edit; what it was."""
        way = self.random.random()
        if way < 0.7:
            name = self.random.choice(list(CHOICES))
            self.values[name] = self.random.choice(CHOICES[name])
            said = f"{name}: {self.values[name]}"
        elif way < 0.8:
            self.moved = self.random.randrange(4)
            said = f"boxes moved by {self.moved}"
        elif way < 0.88:
            self.plate = self.random.randrange(len(self.movies))
            said = f"plate {self.plate}"
        else:
            made = [path for path in (self.project.root / "build").rglob("*") if path.is_file() and path.name[0] != "."]
            path = self.random.choice(sorted(made))
            path.write_bytes(path.read_bytes()[: self.random.randrange(200)])
            said = f"{path.name} cut short"
        self.write(self.project)
        return said

    def write(self, project: Project) -> None:
        project.write_shot("mini", YAML.format(**self.values))
        boxes = [f"{n},-1,{20 + n + self.moved},40,60,50,0.9,-1,-1,-1" for n in range(1, FRAMES + 1)]
        (project.root / "footage" / "boxes.txt").write_text("\n".join(boxes) + "\n")
        shutil.copy(self.movies[self.plate], project.root / "footage" / "mini.mp4")


def published(project: Project) -> dict[str, str]:
    """What an artist would find: name -> digest, without records, reports of times and what was kept of edits."""
    folder = project.root / "build" / "mini"
    left_out = ("verify.json", "verify.xml", "report.html", "report.json", "preview.mp4")  # movies and times vary
    files = [
        path for path in folder.rglob("*") if path.is_file() and path.name[0] != "." and ".edited-" not in path.name
    ]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.name not in left_out}


def faults_of(project: Project) -> list[str]:
    """What is wrong after an edit."""
    built = project.run("shot=mini")
    if built.code:
        return [f"the build ended with {built.code}: {built.err.strip()[-200:]}"]
    verified, again = project.run("verify"), project.run("shot=mini")
    faults = [f"verify: {verified.err.strip()[-200:]}"] if verified.code else []
    ran = [line for line in again.out.splitlines() if line.startswith(".  ")]
    return faults + ([f"not up to date after a build: {ran}"] if ran or again.code else [])


def collect(project: Project) -> list[str]:
    """gc must leave a build with nothing to do, and leave nothing that it lists."""
    project.run("gc", "force=true")
    listed, again = project.run("gc"), project.run("shot=mini")
    faults = [] if "0 files" in listed.out else [f"gc leaves {listed.out.strip()[-200:]}"]
    return faults + (["gc took what was needed"] if ".  " in again.out else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the seed")
    parser.add_argument("--show", type=Path)
    asked = parser.parse_args()
    place, began, wrong, sizes = asked.show or Path(tempfile.mkdtemp(prefix="soak-")), time.monotonic(), 0, []
    place.mkdir(parents=True, exist_ok=True)
    movies = [small_movie(place / f"plate{seed}.mp4", seed=seed, frame_count=FRAMES) for seed in (7, 8)]
    project = make_small(place / "show", movies[0])
    show = Show(project, movies, random.Random(asked.first))
    show.write(project)
    for number in range(asked.edits):
        said = show.edit() if number else "nothing yet"
        faults = faults_of(project) + (collect(project) if number % 20 == 19 else [])
        sizes.append(
            sum(path.stat().st_size for path in (project.root / ".gsd-state").rglob("*") if path.is_file()) / 1e6
        )
        wrong += bool(faults)
        for fault in faults:
            print(f"{number}: {said}: {fault}", flush=True)
    fresh = make_small(place / "fresh", movies[0])
    show.write(fresh)
    fresh.built("shot=mini")
    same = published(project) == published(fresh)
    print(f"{asked.edits} edits: {wrong} went wrong; equal to a fresh build: {same}; state {min(sizes):.1f} to "
          f"{max(sizes):.1f} MB; {time.monotonic() - began:.0f} s")  # fmt: skip
    if wrong or not same:
        sys.exit(1)


if __name__ == "__main__":
    main()
