"""The shots whose lens another shot takes (shot.camera.lens_from): their stages come before that shot's own."""

from shotmake.errors import ShotError
from shotmake.tasks.engine.stage import Node, Stage, make_nodes
from shotmake.tasks.shots.shots import ShotConfig, load_shot
from shotmake.tasks.stages.lens import KEY, find_lender
from shotmake.tasks.stages.solve.stage import list_keys_against_camera
from shotmake.tasks.stages.witness_cameras import make_witness_nodes


def build_graph(shot: ShotConfig, stages: tuple[Stage, ...]) -> dict[str, Node]:
    """Build the graph of one shot: stage name -> node. The stages of the shot whose lens it takes are among their
    needs.

    The nodes of its witness cameras come last. Raises ShotError where the shot has no lens to take.
    """
    found: dict[str, Node] = {}
    for one in reversed([shot, *list_lenders(shot)]):
        assert one.config is not None
        found = make_nodes(one.config, stages, found)
    assert shot.config is not None
    return found | make_witness_nodes(shot.config, stages)


def list_lenders(shot: ShotConfig) -> list[ShotConfig]:
    """Return the shot whose lens this shot takes, then the shot whose lens that one takes, and so on.

    Each is as its own YAML says, without overrides. Raises ShotError when the chain leads in a circle, when a shot in
    it is broken, and when a shot in it has no solve.
    """
    chain, config = [shot], shot.config
    assert config is not None  # the caller has checked that this shot is not broken
    while (name := find_lender(config)) is not None:
        where = f"conf/shot/{chain[-1].name}.yaml: {KEY}"
        if (name, ()) in {(one.name, one.overrides) for one in chain}:
            names = " <- ".join([*(one.name for one in chain), name])
            raise ShotError(f"{where}: the lens goes round in a circle: {names}; one of them must find its own")
        other = load_shot(name)
        if other.config is None:
            raise ShotError(f"{where}: {name} is broken: {other.faults[0]}")
        if keys := list_keys_against_camera(other.config):
            cure = f"set {': true and '.join(keys)}: true in conf/shot/{name}.yaml"
            raise ShotError(f"{where}: {name} has no solve to take a lens from; {cure}")
        chain.append(other)
        config = other.config
    return chain[1:]
