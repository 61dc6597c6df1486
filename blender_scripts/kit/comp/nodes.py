"""Node trees, for shaders and the compositor alike."""

from typing import Any

import bpy

from kit import versions

Socket = bpy.types.NodeSocket


def set_input(socket: Socket, value: Any) -> None:
    """Set the value of an unlinked socket.

    Only a socket's subtype knows its value, so the API's types cannot say this.
    """
    assert hasattr(socket, "default_value"), socket
    setattr(socket, "default_value", value)  # noqa: B010  the types that know the attribute are many


class NodeDesk:
    """A node tree that is being filled: each node gets a name, a place, and perhaps a frame around it."""

    def __init__(self, tree: bpy.types.NodeTree | None):
        assert tree
        self.tree = tree

    def add_node(
        self, kind: str, name: str, at: tuple[float, float], frame: bpy.types.Node | None = None, **settings: Any
    ) -> bpy.types.Node:
        """Add a node of this kind, with its name, place and settings."""
        node = self.tree.nodes.new(versions.name_node_kind(kind))
        node.name = node.label = name
        node.location = at
        node.parent = frame
        for key, value in settings.items():
            versions.set_setting(node, key, value)
        return node

    def add_frame(self, label: str, color: tuple[float, float, float]) -> bpy.types.Node:
        """Add a frame with a label and a colour."""
        frame = self.add_node("NodeFrame", f"{label} frame", (0, 0), label_size=24, shrink=True)
        frame.label, frame.use_custom_color, frame.color = label, True, color
        return frame

    def link(self, source: Socket, target: Socket) -> None:
        """Link an output socket to an input socket."""
        self.tree.links.new(source, target)


def add_mix(
    desk: NodeDesk, name: str, at: tuple[float, float], frame: bpy.types.Node | None = None, blend_type: str = "MIX"
) -> tuple[Socket, ...]:
    """Add a colour mix; return its (factor, A, B, result) sockets. It does NOT mix alpha: the result has A's alpha."""
    return versions.add_color_mix(lambda kind, **settings: desk.add_node(kind, name, at, frame, **settings), blend_type)


def add_math(desk: NodeDesk, operation: str, name: str, at: tuple[float, float], *values: Socket | float) -> Socket:
    """Add a compositor's Math node over sockets and numbers; return its output."""
    node = desk.add_node("CompositorNodeMath", name, at, operation=operation)
    for socket, value in zip(node.inputs, values, strict=False):
        if isinstance(value, (int, float)):
            set_input(socket, value)
        else:
            desk.link(value, socket)
    return node.outputs[0]


def add_blend(
    desk: NodeDesk,
    blend_type: str,
    name: str,
    at: tuple[float, float],
    first: Socket,
    second: Socket,
    frame: bpy.types.Node | None = None,
) -> Socket:
    """Add a full colour mix of two linked colours; return its output. Its alpha is that of the first."""
    factor, a, b, result = add_mix(desk, name, at, frame, blend_type)
    set_input(factor, 1.0)
    desk.link(first, a)
    desk.link(second, b)
    return result


def add_alpha_over(
    desk: NodeDesk,
    name: str,
    at: tuple[float, float],
    behind: Socket | tuple[float, float, float, float],
    picture: Socket,
    frame: bpy.types.Node | None,
) -> bpy.types.Node:
    """Add a premultiplied picture over another one, or over one colour (RGBA)."""
    node = desk.add_node("CompositorNodeAlphaOver", name, at, frame)
    below, above = versions.find_over_sockets(node)
    if isinstance(behind, tuple):
        set_input(below, behind)
    else:
        desk.link(behind, below)
    desk.link(picture, above)
    return node
