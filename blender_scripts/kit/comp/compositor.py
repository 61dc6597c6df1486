"""The comp, from left to right: background -> x caught shadow -> CG merged by mode -> output.

CG is rendered undistorted, on a wider field than the plate. Where the lens is put on the CG (apply_to_cg), the overscan
scene renders it, and the redistort ST-map fetches each plate pixel from it. Otherwise the comp has the size of that
wider field: the undistort ST-map fetches each of its pixels from the plate, and the CG stays as it is.
"""

from collections.abc import Callable
from typing import Any

import bpy

from kit import versions
from kit.comp import corner_pin, stabilize
from kit.comp.merge import merge
from kit.comp.nodes import NodeDesk, Socket, add_blend, add_math, add_mix, set_input


def make_bilinear_map_uv(size_px: list[int]) -> bpy.types.NodeTree:
    """Make a node group: Map UV with exact bilinear sampling.

    size_px: the size of its source, used where a node cannot tell it (4.2).

    Map UV's own filters are "Nearest" and a narrow Gaussian that pulls each sample up to 0.27 px towards the nearest
    pixel, so an edge would swim as it moves. Four nearest samples, weighted, do not. A pixel centre i of the source
    lies at (i + 0.5) / size. Beyond the source everything is zero, alpha too.
    """
    tree = bpy.data.node_groups.new("Map UV bilinear", "CompositorNodeTree")
    assert tree.interface
    for name, kind in (("Image", "NodeSocketColor"), ("UV", "NodeSocketVector")):
        tree.interface.new_socket(name, in_out="INPUT", socket_type=kind)
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    desk = NodeDesk(tree)
    source = desk.add_node("NodeGroupInput", "input", (-1500, 0))
    uv = desk.add_node("CompositorNodeSeparateXYZ", "u, v", (-1300, -200))
    desk.link(source.outputs["UV"], uv.inputs[0])
    (left, right, x_weight), (lower, upper, y_weight) = (
        _fetch_beside(desk, axis, uv.outputs[axis], size, top)
        for axis, size, top in zip("XY", _find_size(desk, source.outputs["Image"], size_px), (500, -400), strict=True)
    )
    colors, alphas = [], []
    for row, (y_name, y) in enumerate((("lower", lower), ("upper", upper))):
        for column, (x_name, x) in enumerate((("left", left), ("right", right))):
            name, top = f"{x_name} {y_name}", 420 - 260 * (2 * row + column)
            place = desk.add_node("CompositorNodeCombineXYZ", f"{name} position", (200, top))
            desk.link(x, place.inputs[0])
            desk.link(y, place.inputs[1])
            set_input(place.inputs[2], 1.0)  # Map UV takes it as alpha
            fetch = desk.add_node("CompositorNodeMapUV", name, (380, top), filter_type="NEAREST")
            desk.link(source.outputs["Image"], fetch.inputs["Image"])
            desk.link(place.outputs[0], fetch.inputs["UV"])
            split = desk.add_node("CompositorNodeSeparateColor", f"{name} alpha", (560, top))
            desk.link(fetch.outputs["Image"], split.inputs["Image"])
            colors.append(fetch.outputs["Image"])
            alphas.append(split.outputs["Alpha"])
    whole = desk.add_node("CompositorNodeSetAlpha", "colour and alpha", (1420, 40), mode="REPLACE_ALPHA")
    desk.link(_weigh_between(desk, colors, x_weight, y_weight, 300, _mix), whole.inputs["Image"])
    desk.link(_weigh_between(desk, alphas, x_weight, y_weight, -300, _blend), whole.inputs["Alpha"])
    output = desk.add_node("NodeGroupOutput", "output", (1600, 40))
    desk.link(whole.outputs["Image"], output.inputs["Image"])
    return tree


def _find_size(desk: NodeDesk, image: Socket, size_px: list[int]) -> tuple[Socket | float, Socket | float]:
    if versions.IS_4_2:
        return float(size_px[0]), float(size_px[1])
    info = desk.add_node("CompositorNodeImageInfo", "source size", (-1300, 200))
    desk.link(image, info.inputs["Image"])
    split = desk.add_node("CompositorNodeSeparateXYZ", "width, height", (-1120, 200))
    desk.link(info.outputs["Dimensions"], split.inputs[0])
    return split.outputs["X"], split.outputs["Y"]


def _fetch_beside(desk: NodeDesk, axis: str, place: Socket, size: Socket | float, top: float) -> tuple[Socket, ...]:
    """Return where the pixels before and behind a place are fetched, 0..1, and how much the second one counts."""
    pixels = add_math(desk, "MULTIPLY_ADD", f"{axis} from pixel centres", (-900, top), place, size, -0.5)
    pixel = add_math(desk, "FLOOR", f"{axis} pixel", (-720, top), pixels)
    weight = add_math(desk, "SUBTRACT", f"{axis} weight", (-540, top - 260), pixels, pixel)
    # Map UV cuts a position's fraction off towards zero, so pixel -1 would become pixel 0: pixels below 0 move farther.
    below = add_math(desk, "MINIMUM", f"{axis} below the source", (-540, top + 160), pixel, 0.0)
    moved = add_math(desk, "ADD", f"{axis} farther below", (-360, top), pixel, below)
    centres = [
        add_math(desk, "ADD", f"{axis} centre {step}", (-180, top - 180 * step), moved, step + 0.5) for step in (0, 1)
    ]
    before, behind = (
        add_math(desk, "DIVIDE", f"{axis} position {step}", (0, top - 180 * step), centre, size)
        for step, centre in enumerate(centres)
    )
    return before, behind, weight


def _weigh_between(
    desk: NodeDesk, samples: list[Socket], x_weight: Socket, y_weight: Socket, top: float, mixer: Callable
) -> Socket:
    """Return four samples weighted: first along x, then along y."""
    lower = mixer(desk, "lower row", (900, top), x_weight, samples[0], samples[1])
    upper = mixer(desk, "upper row", (900, top - 220), x_weight, samples[2], samples[3])
    return mixer(desk, "both rows", (1200, top - 110), y_weight, lower, upper)


def _mix(desk: NodeDesk, name: str, at: tuple[float, float], weight: Socket, first: Socket, second: Socket) -> Socket:
    factor, a, b, result = add_mix(desk, name, at)
    for source, target in ((weight, factor), (first, a), (second, b)):
        desk.link(source, target)
    return result


def _blend(desk: NodeDesk, name: str, at: tuple[float, float], weight: Socket, first: Socket, second: Socket) -> Socket:
    more = add_math(desk, "SUBTRACT", f"{name}, difference", (at[0] - 150, at[1]), second, first)
    return add_math(desk, "MULTIPLY_ADD", f"{name}, alpha", at, more, weight, first)


Background = bpy.types.MovieClip | bpy.types.Image


def build_comp(
    main: bpy.types.Scene,
    cg_scene: bpy.types.Scene,
    sheet: dict[str, Any],
    stmap: bpy.types.Image,
    background: Background | None,
    catch_shadow: bool,
) -> None:
    """Build the main scene's compositor.

    stmap: redistort where `apply_to_cg`, else undistort.
    background: None = the CG alone over nothing, premultiplied, its shadow in its alpha, whatever the mode.
    catch_shadow: the CG layer has a shadow catcher pass, which the background is multiplied with.
    """
    desk = NodeDesk(versions.clear_compositor(main))
    settings = sheet["composite"]
    lens = LensWarp(desk, stmap, settings["apply_to_cg"], sheet["resolution_px"])
    frame = desk.add_frame("CG", (0.20, 0.28, 0.38))
    view_layer = cg_scene.view_layers[0].name
    layer = desk.add_node("CompositorNodeRLayers", "CG render", (-1300, 0), frame, scene=cg_scene, layer=view_layer)
    result = lens.to_plate(layer.outputs["Image"], "redistort CG", (-440, 0))
    behind = None
    if background:
        behind = lens.from_plate(_add_background(desk, background), "undistort background", (-440, 400))
    behind = corner_pin.pin_over(desk, behind, sheet, cg_scene, lens.to_plate)
    if behind:
        if catch_shadow:
            behind = _add_shadow(desk, lens, behind, layer.outputs["Shadow Catcher"])
        result = merge(desk, settings["mode"], behind, result)
    result = stabilize.stabilize(desk, result, sheet["stabilization"], (1160, 100))
    _add_output(desk, result)


class LensWarp:
    """The lens of the comp: its ST-map and the group that reads it.

    A picture that is in the right place already passes unchanged.
    """

    def __init__(self, desk: NodeDesk, stmap: bpy.types.Image, on_cg: bool, size_px: list[int]):
        self.desk, self.on_cg, self.group = desk, on_cg, make_bilinear_map_uv(size_px)
        self.frame = desk.add_frame("lens", (0.34, 0.24, 0.34))
        name = f"{'redistort' if on_cg else 'undistort'} ST-map"
        self.uv = desk.add_node("CompositorNodeImage", name, (-720, 0), self.frame, image=stmap).outputs["Image"]

    def to_plate(self, picture: Socket, name: str, at: tuple[float, float]) -> Socket:
        """Return a picture of the undistorted, overscanned field as the comp shows it."""
        return self._warp(picture, name, at) if self.on_cg else picture

    def from_plate(self, picture: Socket, name: str, at: tuple[float, float]) -> Socket:
        """Return a picture, as the plate's camera took it, as the comp shows it."""
        return picture if self.on_cg else self._warp(picture, name, at)

    def _warp(self, picture: Socket, name: str, at: tuple[float, float]) -> Socket:
        warp = self.desk.add_node("CompositorNodeGroup", name, at, self.frame, node_tree=self.group)
        self.desk.link(picture, warp.inputs["Image"])
        self.desk.link(self.uv, warp.inputs["UV"])
        return warp.outputs["Image"]


def _add_background(desk: NodeDesk, background: Background) -> Socket:
    if isinstance(background, bpy.types.MovieClip):
        frame = desk.add_frame("plate", (0.24, 0.34, 0.24))
        return desk.add_node("CompositorNodeMovieClip", "plate", (-1200, 420), frame, clip=background).outputs["Image"]
    frame = desk.add_frame("still", (0.24, 0.34, 0.24))
    return desk.add_node("CompositorNodeImage", "still", (-1200, 420), frame, image=background).outputs["Image"]


def _add_shadow(desk: NodeDesk, lens: LensWarp, behind: Socket, catcher: Socket) -> Socket:
    """Return the background times the catcher pass.

    It is warped as 1 - pass, because outside the CG image there is no shadow.
    """
    frame = desk.add_frame("shadow", (0.30, 0.26, 0.22))
    if lens.on_cg:
        dark = desk.add_node("CompositorNodeInvert", "shadow = 1 - pass", (-720, -440), frame)
        desk.link(catcher, dark.inputs["Color"])
        light = desk.add_node("CompositorNodeInvert", "pass = 1 - shadow", (-180, -440), frame)
        desk.link(lens.to_plate(dark.outputs["Color"], "redistort shadow", (-440, -240)), light.inputs["Color"])
        catcher = light.outputs["Color"]
    return add_blend(desk, "MULTIPLY", "background x shadow", (40, 260), behind, catcher, frame)


def _add_output(desk: NodeDesk, result: Socket) -> None:
    right = max(node.location.x for node in desk.tree.nodes) + 260
    frame = desk.add_frame("output", (0.26, 0.26, 0.26))
    output = desk.add_node(versions.name_output_kind(), "comp", (right, 100), frame)
    viewer = desk.add_node("CompositorNodeViewer", "viewer", (right, -60), frame)
    desk.link(result, output.inputs["Image"])
    desk.link(result, viewer.inputs["Image"])
