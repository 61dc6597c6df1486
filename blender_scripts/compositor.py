"""The comp, from left to right: background -> x caught shadow -> CG merged by mode -> output.

CG is rendered undistorted, on a wider field than the plate. Where the lens is put on the CG (apply_to_cg), the
overscan scene renders it and the redistort ST-map fetches each plate pixel from it. Else the comp has the size of
that wider field: the undistort ST-map fetches each of its pixels from the plate, and the CG stays as it is.
Blender 4.5 (4.4 to 4.5: `scene.node_tree`, a Composite node).
"""

from typing import Any

import bpy
from merge import merged
from nodes import NodeDesk, Socket, blend, mix, set_input


def bilinear_map_uv() -> bpy.types.NodeTree:
    """A node group: Map UV with exact bilinear sampling.

    Map UV's own filters are "Nearest" and a narrow Gaussian that pulls each sample up to 0.27 px towards
    the nearest pixel: an edge would swim as it moves. Four nearest samples, weighted, do not.
    A pixel centre i of the source lies at (i + 0.5) / size. Beyond the source all is zero, alpha too.
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
    pixel = vector("lower left pixel", "FLOOR", (-240, 200), from_centre)
    # Map UV cuts a position's fraction off towards zero, so pixel -1 would be pixel 0: what is below moves farther.
    below = vector("below the source", "MINIMUM", (-60, 320), pixel, (0.0, 0.0, 0.0))
    base = vector("farther below", "ADD", (120, 200), pixel, below)
    part = vector("weights", "FRACTION", (-240, -100), from_centre)
    weights = desk.node("ShaderNodeSeparateXYZ", "weights x, y", (-60, -100))
    desk.link(part, weights.inputs[0])
    colors, alphas = [], []
    for up in (0, 1):
        for right in (0, 1):
            y = 420 - 260 * (2 * up + right)
            name = f"{('left', 'right')[right]} {('lower', 'upper')[up]}"
            centre = vector(f"{name} centre", "ADD", (320, y), base, (right + 0.5, up + 0.5, 0.0))
            position = vector(f"{name} position", "DIVIDE", (500, y), centre, size)
            fetch = desk.node("CompositorNodeMapUV", name, (680, y), filter_type="NEAREST")
            desk.link(source.outputs["Image"], fetch.inputs["Image"])
            desk.link(position, fetch.inputs["UV"])
            split = desk.node("CompositorNodeSeparateColor", f"{name} alpha", (860, y))
            desk.link(fetch.outputs["Image"], split.inputs["Image"])
            colors.append(fetch.outputs["Image"])
            alphas.append(split.outputs["Alpha"])
    blended = []
    for kind, samples, y in (("RGBA", colors, 300), ("FLOAT", alphas, -300)):
        for name, weight, x in (("x", "X", 1060), ("y", "Y", 1240)):
            mixed = []
            for index, (first, second) in enumerate(zip(samples[::2], samples[1::2], strict=True)):
                factor, a, b, result = mix(desk, f"{kind} {name}", (x, y - 220 * index), data_type=kind)
                desk.link(weights.outputs[weight], factor)
                desk.link(first, a)
                desk.link(second, b)
                mixed.append(result)
            samples = mixed
        blended += samples
    whole = desk.node("CompositorNodeSetAlpha", "colour and alpha", (1420, 40), mode="REPLACE_ALPHA")
    desk.link(blended[0], whole.inputs["Image"])
    desk.link(blended[1], whole.inputs["Alpha"])
    output = desk.node("NodeGroupOutput", "output", (1600, 40))
    desk.link(whole.outputs["Image"], output.inputs["Image"])
    return tree


Background = bpy.types.MovieClip | bpy.types.Image


def build_comp(
    main: bpy.types.Scene,
    cg_scene: bpy.types.Scene,
    settings: dict[str, Any],
    stmap: bpy.types.Image,
    background: Background | None,
    catch_shadow: bool,
) -> None:
    """Fill the main scene's compositor.

    settings: the sheet's `composite`; stmap: redistort where `apply_to_cg`, else undistort. background None: the CG
    alone over nothing, premultiplied, its shadow in its alpha, whatever the mode. catch_shadow: the CG layer has a
    shadow catcher pass, to be multiplied into the background.
    """
    main.use_nodes = True
    desk = NodeDesk(main.node_tree)
    desk.tree.nodes.clear()
    lens = LensWarp(desk, stmap, settings["apply_to_cg"])
    frame = desk.frame("CG", (0.20, 0.28, 0.38))
    view_layer = cg_scene.view_layers[0].name
    layer = desk.node("CompositorNodeRLayers", "CG render", (-1300, 0), frame, scene=cg_scene, layer=view_layer)
    result = lens.to_plate(layer.outputs["Image"], "redistort CG", (-440, 0))
    if background:
        behind = lens.from_plate(_background(desk, background), "undistort background", (-440, 400))
        if catch_shadow:
            behind = _shadowed(desk, lens, behind, layer.outputs["Shadow Catcher"])
        result = merged(desk, settings["mode"], behind, result)
    _output(desk, result)


class LensWarp:
    """The lens of the comp: its ST-map and the group that reads it. What is in the right place already passes."""

    def __init__(self, desk: NodeDesk, stmap: bpy.types.Image, on_cg: bool):
        self.desk, self.on_cg, self.group = desk, on_cg, bilinear_map_uv()
        self.frame = desk.frame("lens", (0.34, 0.24, 0.34))
        name = f"{'redistort' if on_cg else 'undistort'} ST-map"
        self.uv = desk.node("CompositorNodeImage", name, (-720, 0), self.frame, image=stmap).outputs["Image"]

    def to_plate(self, picture: Socket, name: str, at: tuple[float, float]) -> Socket:
        """A picture of the undistorted, overscanned field, as the comp shows it."""
        return self._warped(picture, name, at) if self.on_cg else picture

    def from_plate(self, picture: Socket, name: str, at: tuple[float, float]) -> Socket:
        """A picture as the plate's camera took it, as the comp shows it."""
        return picture if self.on_cg else self._warped(picture, name, at)

    def _warped(self, picture: Socket, name: str, at: tuple[float, float]) -> Socket:
        warp = self.desk.node("CompositorNodeGroup", name, at, self.frame, node_tree=self.group)
        self.desk.link(picture, warp.inputs["Image"])
        self.desk.link(self.uv, warp.inputs["UV"])
        return warp.outputs["Image"]


def _background(desk: NodeDesk, background: Background) -> Socket:
    if isinstance(background, bpy.types.MovieClip):
        frame = desk.frame("plate", (0.24, 0.34, 0.24))
        return desk.node("CompositorNodeMovieClip", "plate", (-1200, 420), frame, clip=background).outputs["Image"]
    frame = desk.frame("still", (0.24, 0.34, 0.24))
    return desk.node("CompositorNodeImage", "still", (-1200, 420), frame, image=background).outputs["Image"]


def _shadowed(desk: NodeDesk, lens: LensWarp, behind: Socket, catcher: Socket) -> Socket:
    """Background times the catcher pass. It is warped as 1 - pass: outside the CG image there is no shadow."""
    frame = desk.frame("shadow", (0.30, 0.26, 0.22))
    if lens.on_cg:
        dark = desk.node("CompositorNodeInvert", "shadow = 1 - pass", (-720, -440), frame)
        desk.link(catcher, dark.inputs["Color"])
        light = desk.node("CompositorNodeInvert", "pass = 1 - shadow", (-180, -440), frame)
        desk.link(lens.to_plate(dark.outputs["Color"], "redistort shadow", (-440, -240)), light.inputs["Color"])
        catcher = light.outputs["Color"]
    return blend(desk, "MULTIPLY", "background x shadow", (40, 260), behind, catcher, frame)


def _output(desk: NodeDesk, result: Socket) -> None:
    frame = desk.frame("output", (0.26, 0.26, 0.26))
    output = desk.node("CompositorNodeComposite", "comp", (1500, 100), frame)
    viewer = desk.node("CompositorNodeViewer", "viewer", (1500, -60), frame)
    desk.link(result, output.inputs["Image"])
    desk.link(result, viewer.inputs["Image"])
