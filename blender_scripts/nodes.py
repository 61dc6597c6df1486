"""Making node trees, for shaders and the compositor alike."""

from typing import Any

import bpy

Socket = bpy.types.NodeSocket


def set_input(socket: Socket, value: Any) -> None:
    """Set an unlinked socket. Only a socket's subtype knows its value, so the API's types cannot say this."""
    assert hasattr(socket, "default_value"), socket
    setattr(socket, "default_value", value)  # noqa: B010


class NodeDesk:
    """A node tree being filled: each node gets a name, a place, and perhaps a frame around it."""

    def __init__(self, tree: bpy.types.NodeTree | None):
        assert tree
        self.tree = tree

    def node(
        self, kind: str, name: str, at: tuple[float, float], frame: bpy.types.Node | None = None, **settings: Any
    ) -> bpy.types.Node:
        node = self.tree.nodes.new(kind)
        node.name = node.label = name
        node.location = at
        node.parent = frame
        for key, value in settings.items():
            setattr(node, key, value)
        return node

    def frame(self, label: str, color: tuple[float, float, float]) -> bpy.types.Node:
        frame = self.node("NodeFrame", f"{label} frame", (0, 0), label_size=24, shrink=True)
        frame.label, frame.use_custom_color, frame.color = label, True, color
        return frame

    def link(self, source: Socket, target: Socket) -> None:
        self.tree.links.new(source, target)


def mix(desk: NodeDesk, name: str, at: tuple[float, float], frame: bpy.types.Node | None = None, **settings: str):
    """A Mix node's (factor, A, B, result) sockets; the node has a set for each data type.

    A colour mix does NOT mix alpha: the result has A's.
    """
    node = desk.node("ShaderNodeMix", name, at, frame, **settings)
    kind = {"RGBA": "Color", "FLOAT": "Float"}[settings["data_type"]]
    named = {socket.identifier: socket for socket in [*node.inputs, *node.outputs]}
    return tuple(named[name] for name in ("Factor_Float", f"A_{kind}", f"B_{kind}", f"Result_{kind}"))


def blend(
    desk: NodeDesk, blend_type: str, name: str, at: tuple[float, float], first: Socket, second: Socket, frame=None
) -> Socket:
    """A whole colour mix of two linked colours; its alpha is the first's."""
    factor, a, b, result = mix(desk, name, at, frame, data_type="RGBA", blend_type=blend_type)
    set_input(factor, 1.0)
    desk.link(first, a)
    desk.link(second, b)
    return result
