"""What doing nothing costs: CPU seconds of `doit` on N finished shots, beside make and snakemake on the same graph.

    python tests/benchmarks/noop.py [1 100 1000 ...]

The shots' state is made up: real keys, stamps and publishing, but a few bytes for each target (doing nothing never
reads them; solve.json and report.json are real). snakemake is measured when it is installed. All on one machine in
one run: compare the columns, not the figures.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from helpers.shows.project import REPOSITORY, Project, make_project

CLONED_ABOVE = 1000  # shots: from there on composing is not measured
# Runs inside the project: the shots' targets, stamps and published copies, through the product's own functions.
MAKE_UP = """
import copy, dodo, json, sys
from shotmake.tasks.shots import composed_configs, shots
from shotmake.tasks.commands.build import publish
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.stage import make_nodes
from shotmake.tasks.engine.stamp import write_stamp
if len(sys.argv) > 1:  # too many to wait for Hydra: the first one's config under other names
    first = shots.load_shot("s00000").config
    for name in shots.list_shot_names():
        config = copy.deepcopy(first)
        config.shot.name = name
        composed_configs.remember(name, (), config, {})
SOLVE = json.dumps({"status": "solved", "reason": "", "frames": []})
graph = open("graph.txt", "w")
for shot in shots.load_shots([], {}):
    found = make_nodes(shot.config, dodo.GRAPH._stages)
    for node in found.values():
        for name, path in node.targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(SOLVE if name == "solve" else f"{node.task_name} {name}")
        inputs = {name: digest(path) for name, path in node.list_inputs().items()}
        targets = {name: digest(path) for name, path in node.targets.items()}
        write_stamp(node.stamp_path, node.made_by, inputs, targets, {}, identity=node.compute_identity(inputs))
        files = list(map(str, node.list_inputs().values()))
        print(json.dumps([list(map(str, node.targets.values())), files]), file=graph)
    publish._publish(shot, found)
"""


def cpu_s(command: list[str], folder: Path) -> float:
    """CPU seconds of a command that must succeed, the best of three."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def once_cpu_s(command: list[str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def shot_yaml(number: int) -> str:
    return f"# @package _global_\nshot:\n  name: s{number:05}\n  footage: {{file: footage/plate.mp4}}\n"


def write_others(folder: Path) -> None:
    """The same files and dependencies for make and snakemake."""
    import json

    rules, smk, every = [], [], []
    for number, line in enumerate((folder / "graph.txt").read_text().splitlines()):
        targets, inputs = ([os.path.relpath(path, folder) for path in paths] for paths in json.loads(line))
        rules.append(f"{targets[0]}: {' '.join(inputs)}\n\tfalse\n")
        smk.append(f"rule r{number}:\n    input: {inputs!r}\n    output: {targets[:1]!r}\n    shell: 'false'\n")
        every.append(targets[0])
        for path in targets:
            os.utime(folder / path)  # in order: newer than what they are made from
    (folder / "Makefile").write_text(f"all: {' '.join(every)}\n" + "".join(rules))
    (folder / "Snakefile").write_text(f"rule all:\n    input: {every!r}\n" + "".join(smk))


def measure(count: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        project: Project = make_project(Path(place) / "show")
        (project.root / "footage" / "plate.mp4").write_bytes(os.urandom(100_000))
        (project.root / "conf" / "shot" / "knob_hero.yaml").unlink()
        for number in range(count):
            project.write_shot(f"s{number:05}", shot_yaml(number))
        doit = [sys.executable, "-m", "doit"]
        compose = "from shotmake.tasks.shots import shots; shots.load_shots([], {})"
        clone = ["clone"] if count > CLONED_ABOVE else []
        compose_s = 0.0 if clone else once_cpu_s([sys.executable, "-c", compose], project.root)
        once_cpu_s([sys.executable, "-c", MAKE_UP, *clone], project.root)
        others = project.root.parent / "others"
        shutil.copytree(project.root, others, copy_function=shutil.copyfile)
        (others / "graph.txt").write_text((others / "graph.txt").read_text().replace(str(project.root), str(others)))
        first_s = once_cpu_s(doit, project.root)
        known_s = cpu_s(doit, project.root)
        project.write_shot(f"s{count // 2:05}", shot_yaml(count // 2) + "# a comment\n")
        edited_s = once_cpu_s(doit, project.root)
        write_others(others)
        line = f"{count:6} | {compose_s:8.2f} {first_s:8.2f} | {known_s:8.3f} {edited_s:8.2f} |"
        line += f" {cpu_s(['make', '-s', 'all'], others):8.3f}"
        if shutil.which("snakemake"):
            line += f" {cpu_s(['snakemake', '-j1', '-q', 'all', '--rerun-triggers', 'mtime'], others):8.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    print(" shots |  compose    first |  nothing   1 edit |     make snakemake   (CPU s)")
    for count in map(int, sys.argv[1:] or ("1", "100", "1000")):
        measure(count)
