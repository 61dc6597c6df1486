"""How CG is merged with what lies behind it: Nuke's Merge, in scene linear, channel by channel, CG premultiplied.

With A = CG, a = its alpha, B = the background with the caught shadow:

    over_footage, over_plate   A + B (1 - a)
    multiply                   A B + B (1 - a)                        (only where CG is)
    add                        A + B
    screen                     A + B - A B where A <= 1 or B <= 1, else the larger

The alpha of the result is that of B, which is 1; `over` adds a where B has none.
"""

import bpy

from kit.comp.nodes import NodeDesk, Socket, add_alpha_over, add_blend, add_math

OVER = ("over_footage", "over_plate")
WHITE = (1.0, 1.0, 1.0, 1.0)


def merge(desk: NodeDesk, mode: str, behind: Socket, cg: Socket) -> Socket:
    """Merge CG with what lies behind it, in the nodes of one mode.

    They have a frame of their own, from x = 340 to 1100.
    """
    frame = desk.add_frame("merge", (0.36, 0.30, 0.18))
    if mode in OVER:
        return add_alpha_over(desk, "CG over background", (640, 100), behind, cg, frame).outputs["Image"]
    if mode == "multiply":
        over_white = add_alpha_over(desk, "CG over white", (420, -60), WHITE, cg, frame)
        return add_blend(desk, "MULTIPLY", "background x CG", (640, 100), behind, over_white.outputs["Image"], frame)
    if mode == "add":
        return add_blend(desk, "ADD", "background + CG", (640, 100), behind, cg, frame)
    screen = desk.add_node("CompositorNodeGroup", "screen", (640, 100), frame, node_tree=make_screen_group())
    desk.link(behind, screen.inputs["B"])
    desk.link(cg, screen.inputs["A"])
    return screen.outputs["Image"]


def make_screen_group() -> bpy.types.NodeTree:
    """Make a node group: screen as Nuke has it. Blender's own gets dark again where both are above 1."""
    tree = bpy.data.node_groups.new("Screen above 1", "CompositorNodeTree")
    assert tree.interface
    for name in ("A", "B"):
        tree.interface.new_socket(name, in_out="INPUT", socket_type="NodeSocketColor")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    desk = NodeDesk(tree)
    source = desk.add_node("NodeGroupInput", "input", (-900, 0))
    a, b = source.outputs["A"], source.outputs["B"]
    screened = add_blend(desk, "SCREEN", "A + B - A B", (-640, 260), b, a)
    larger = add_blend(desk, "LIGHTEN", "the larger", (-640, 20), b, a)
    smaller = add_blend(desk, "DARKEN", "the smaller", (-640, -220), b, a)
    split = desk.add_node("CompositorNodeSeparateColor", "channels", (-440, -220))
    both = desk.add_node("CompositorNodeCombineColor", "1 where both are above 1", (-60, -220))
    desk.link(smaller, split.inputs["Image"])
    for row, channel in enumerate(("Red", "Green", "Blue")):
        above = add_math(
            desk, "GREATER_THAN", f"{channel} above 1", (-250, -220 - 180 * row), split.outputs[channel], 1.0
        )
        desk.link(above, both.inputs[channel])
    more = add_blend(desk, "SUBTRACT", "larger - screened", (-240, 60), larger, screened)
    there = add_blend(desk, "MULTIPLY", "only there", (140, 60), more, both.outputs["Image"])
    result = add_blend(desk, "ADD", "screen", (360, 200), screened, there)
    output = desk.add_node("NodeGroupOutput", "output", (580, 200))
    desk.link(result, output.inputs["Image"])
    return tree
