"""The comp: plate x warped shadow, CG redistorted by the ST-map over it.

CG is rendered by the overscan scene, undistorted and on a wider field than the plate; Map UV fetches each
plate pixel from it. Blender 4.5 (4.4 to 4.5: `scene.node_tree`, a Composite node).
"""

from typing import Any

import bpy
import corner_pin
import stabilize
from nodes import NodeDesk, Socket, set_input


def mix(desk: NodeDesk, name: str, at: tuple[float, float], frame: bpy.types.Node | None = None, **settings: str):
    """A Mix node's (factor, A, B, result) sockets; the node has a set for each data type.

    A colour mix does NOT mix alpha: the result has A's.
    """
    node = desk.node("ShaderNodeMix", name, at, frame, **settings)
    kind = {"RGBA": "Color", "FLOAT": "Float"}[settings["data_type"]]
    named = {socket.identifier: socket for socket in [*node.inputs, *node.outputs]}
    return tuple(named[name] for name in ("Factor_Float", f"A_{kind}", f"B_{kind}", f"Result_{kind}"))


def bilinear_map_uv() -> bpy.types.NodeTree:
    """A node group: Map UV with exact bilinear sampling.

    Map UV's own filters are "Nearest" and a narrow Gaussian that pulls each sample up to 0.27 px towards
    the nearest pixel: an edge would swim as it moves. Four nearest samples, weighted, do not.
    A pixel centre i of the source lies at (i + 0.5) / size. Beyond the source (half a pixel past its left and
    lower edge) all is zero, alpha too.
    """
    tree = bpy.data.node_groups.new("Map UV bilinear", "CompositorNodeTree")
    assert tree.interface
    for name, kind in (("Image", "NodeSocketColor"), ("UV", "NodeSocketVector")):
        tree.interface.new_socket(name, in_out="INPUT", socket_type=kind)
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    desk = NodeDesk(tree)

    def vector(name: str, operation: str, at: tuple[float, float], first: Socket, second: Socket | tuple | None = None):
        node = desk.node("ShaderNodeVectorMath", name, at, operation=operation)
        desk.link(first, node.inputs[0])
        if isinstance(second, tuple):
            set_input(node.inputs[1], second)
        elif second is not None:
            desk.link(second, node.inputs[1])
        return node.outputs["Vector"]

    source = desk.node("NodeGroupInput", "input", (-1200, 0))
    info = desk.node("CompositorNodeImageInfo", "source size", (-1000, 200))
    desk.link(source.outputs["Image"], info.inputs["Image"])
    # The third component stays 1 all the way: Map UV takes it for alpha.
    size = vector("size, 1", "MAXIMUM", (-800, 200), info.outputs["Dimensions"], (1.0, 1.0, 1.0))
    pixels = vector("position in px", "MULTIPLY", (-600, 0), source.outputs["UV"], size)
    from_centre = vector("from pixel centres", "SUBTRACT", (-420, 0), pixels, (0.5, 0.5, 0.0))
    base = vector("lower left pixel", "FLOOR", (-240, 100), from_centre)
    part = vector("weights", "FRACTION", (-240, -150), from_centre)
    weights = desk.node("ShaderNodeSeparateXYZ", "weights x, y", (-60, -150))
    desk.link(part, weights.inputs[0])
    colors, alphas = [], []
    for up in (0, 1):
        for right in (0, 1):
            y = 420 - 260 * (2 * up + right)
            name = f"{('left', 'right')[right]} {('lower', 'upper')[up]}"
            centre = vector(f"{name} centre", "ADD", (-40, y), base, (right + 0.5, up + 0.5, 0.0))
            position = vector(f"{name} position", "DIVIDE", (140, y), centre, size)
            fetch = desk.node("CompositorNodeMapUV", name, (320, y), filter_type="NEAREST")
            desk.link(source.outputs["Image"], fetch.inputs["Image"])
            desk.link(position, fetch.inputs["UV"])
            split = desk.node("CompositorNodeSeparateColor", f"{name} alpha", (500, y - 60))
            desk.link(fetch.outputs["Image"], split.inputs["Image"])
            colors.append(fetch.outputs["Image"])
            alphas.append(split.outputs["Alpha"])
    blended = []
    for kind, samples, y in (("RGBA", colors, 300), ("FLOAT", alphas, -300)):
        for name, weight, x in (("x", "X", 700), ("y", "Y", 880)):
            mixed = []
            for index, (first, second) in enumerate(zip(samples[::2], samples[1::2], strict=True)):
                factor, a, b, result = mix(desk, f"{kind} {name}", (x, y - 220 * index), data_type=kind)
                desk.link(weights.outputs[weight], factor)
                desk.link(first, a)
                desk.link(second, b)
                mixed.append(result)
            samples = mixed
        blended += samples
    whole = desk.node("CompositorNodeSetAlpha", "colour and alpha", (1060, 40), mode="REPLACE_ALPHA")
    desk.link(blended[0], whole.inputs["Image"])
    desk.link(blended[1], whole.inputs["Alpha"])
    output = desk.node("NodeGroupOutput", "output", (1240, 40))
    desk.link(whole.outputs["Image"], output.inputs["Image"])
    return tree


def build_comp(
    main: bpy.types.Scene,
    cg_scene: bpy.types.Scene,
    stmap: bpy.types.Image,
    clip: bpy.types.MovieClip | None,
    catch_shadow: bool,
    sheet: dict[str, Any],
) -> None:
    """Fill the main scene's compositor. `clip` None: CG alone over nothing, its shadow in its alpha.

    `catch_shadow`: the CG layer has a shadow catcher pass, to be multiplied into the plate.
    """
    main.use_nodes = True
    desk = NodeDesk(main.node_tree)
    desk.tree.nodes.clear()
    cg_frame = desk.frame("CG", (0.20, 0.28, 0.38))
    view_layer = cg_scene.view_layers[0].name
    layer = desk.node("CompositorNodeRLayers", "CG render", (-1000, 0), cg_frame, scene=cg_scene, layer=view_layer)
    uv = desk.node("CompositorNodeImage", "redistort ST-map", (-1000, -420), cg_frame, image=stmap)
    group = bilinear_map_uv()
    warp = desk.node("CompositorNodeGroup", "redistort CG", (-600, 0), cg_frame, node_tree=group)
    desk.link(layer.outputs["Image"], warp.inputs["Image"])
    desk.link(uv.outputs["Image"], warp.inputs["UV"])
    result = warp.outputs["Image"]

    behind = None
    if clip:
        plate_frame = desk.frame("plate", (0.24, 0.34, 0.24))
        plate = desk.node("CompositorNodeMovieClip", "plate", (-600, 420), plate_frame, clip=clip)
        behind = plate.outputs["Image"]
    behind = corner_pin.pinned_over(desk, behind, sheet, cg_scene, uv.outputs["Image"], group)
    if behind:
        if clip and catch_shadow:
            behind = _shadowed(desk, behind, layer.outputs["Shadow Catcher"], uv.outputs["Image"], group)
        over = desk.node("CompositorNodeAlphaOver", "CG over plate", (500, 100))
        desk.link(behind, over.inputs[1])
        desk.link(result, over.inputs[2])
        result = over.outputs["Image"]

    result = stabilize.stabilized(desk, result, sheet["stabilization"], (760, 100))
    right = max(node.location.x for node in desk.tree.nodes) + 260
    output = desk.node("CompositorNodeComposite", "comp", (right, 100))
    viewer = desk.node("CompositorNodeViewer", "viewer", (right, -60))
    desk.link(result, output.inputs["Image"])
    desk.link(result, viewer.inputs["Image"])


def _shadowed(desk: NodeDesk, plate: Socket, catcher: Socket, uv: Socket, group: bpy.types.NodeTree) -> Socket:
    """Plate times the redistorted catcher pass. It is warped as 1 - pass: outside the CG image there is no shadow."""
    frame = desk.frame("shadow", (0.30, 0.26, 0.22))
    dark = desk.node("CompositorNodeInvert", "shadow = 1 - pass", (-600, -420), frame)
    warp = desk.node("CompositorNodeGroup", "redistort shadow", (-400, -420), frame, node_tree=group)
    light = desk.node("CompositorNodeInvert", "pass = 1 - shadow", (-160, -420), frame)
    factor, a, b, result = mix(desk, "plate x shadow", (200, 300), data_type="RGBA", blend_type="MULTIPLY")
    desk.link(catcher, dark.inputs["Color"])
    desk.link(dark.outputs["Color"], warp.inputs["Image"])
    desk.link(uv, warp.inputs["UV"])
    desk.link(warp.outputs["Image"], light.inputs["Color"])
    set_input(factor, 1.0)
    desk.link(plate, a)
    desk.link(light.outputs["Color"], b)
    return result
