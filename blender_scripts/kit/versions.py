"""What differs between Blender 4.2, 4.5 and 5.0, in one place. All other code is written in 4.5's words."""

import os
from typing import Any

import bpy

IS_4_2 = bpy.app.version < (4, 4)
IS_5_0 = bpy.app.version >= (5, 0)

SHADER_MATHS = ("Math", "CombineXYZ", "SeparateXYZ")  # for these, the compositor of 5.0 uses the shader's nodes
# Settings of compositor nodes that are menu sockets in 5.0. Their values are the words that the interface shows.
SOCKET_OF_SETTING = {"filter_type": "Interpolation", "interpolation": "Interpolation", "mode": "Type", "space": "Type"}
SOCKET_OF_SETTING["frame_method"] = "Frame Type"
KINDS_OF_FILTER = ("CompositorNodeFilter", "CompositorNodeBlur")  # nodes whose filter_type is no interpolation
NEEDED = "needed 4.5 or later (composite.blender.version or executable)"  # by what 4.2 cannot do
ANGLE = "Angle" if IS_5_0 else "Degr"  # the name of a Rotate node's angle
WORDS = {"SHARPEN_DIAMOND": "Diamond Sharpen", "GAUSS": "Gaussian"}


def clear_compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """Return the scene's compositor, emptied."""
    if IS_5_0:
        tree = bpy.data.node_groups.new(f"{scene.name} comp", "CompositorNodeTree")
        assert tree.interface
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree  # pyright: ignore[reportAttributeAccessIssue]
        return tree
    scene.use_nodes = True
    assert scene.node_tree
    scene.node_tree.nodes.clear()
    return scene.node_tree


def compositor_of(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """Return the scene's compositor as it is."""
    if IS_5_0:
        return scene.compositing_node_group  # pyright: ignore[reportAttributeAccessIssue]
    return scene.node_tree if scene.use_nodes else None


def name_output_kind() -> str:
    """Return the kind of the node whose picture the scene's render becomes."""
    return "NodeGroupOutput" if IS_5_0 else "CompositorNodeComposite"


def name_node_kind(kind: str) -> str:
    """Return the name of a kind of node in this Blender."""
    name = kind.removeprefix("CompositorNode")
    return f"ShaderNode{name}" if IS_5_0 and name in SHADER_MATHS and name != kind else kind


def set_setting(node: bpy.types.Node, setting: str, value: Any) -> None:
    """Set a node's setting, also where this Blender has a socket for it."""
    kind = node.bl_idname
    if IS_5_0 and kind.startswith("CompositorNode") and setting in SOCKET_OF_SETTING and not hasattr(node, setting):
        name = "Type" if kind in KINDS_OF_FILTER else SOCKET_OF_SETTING[setting]
        socket: Any = node.inputs[name]
        socket.default_value = WORDS.get(value, value.replace("_", " ").title())
        return
    if IS_5_0 and setting in ("size_x", "size_y"):
        size: Any = node.inputs["Size"]
        size.default_value[setting == "size_y"] = value
        return
    setattr(node, setting, value)


def add_color_mix(node_of: Any, blend_type: str) -> tuple[bpy.types.NodeSocket, ...]:
    """Make a colour mix; return its (factor, A, B, result) sockets. node_of(kind, **settings) makes the node."""
    if not IS_5_0:  # in 4.2, ShaderNodeMix is no compositor node
        node = node_of("CompositorNodeMixRGB", blend_type=blend_type)
        return node.inputs[0], node.inputs[1], node.inputs[2], node.outputs[0]
    node = node_of("ShaderNodeMix", data_type="RGBA", blend_type=blend_type)
    named = {socket.identifier: socket for socket in [*node.inputs, *node.outputs]}
    return tuple(named[name] for name in ("Factor_Float", "A_Color", "B_Color", "Result_Color"))


def find_over_sockets(node: bpy.types.Node) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """Return the (background, foreground) sockets of an Alpha Over node."""
    return (node.inputs[0], node.inputs[1]) if IS_5_0 else (node.inputs[1], node.inputs[2])


def find_factor_socket(node: bpy.types.Node) -> bpy.types.NodeSocket:
    """Return the socket that says how much of what a node does is done."""
    return node.inputs["Factor" if IS_5_0 else "Fac"]


def add_exr_layers(node: Any, names: list[str]) -> list[bpy.types.NodeSocket]:
    """Make a File Output write one EXR of many layers; return its sockets."""
    if IS_5_0:
        node.format.media_type = "MULTI_LAYER_IMAGE"
        node.file_output_items.clear()
        for name in names:
            node.file_output_items.new("RGBA", name)
    else:
        node.format.file_format = "OPEN_EXR_MULTILAYER"
        node.layer_slots.clear()
        for name in names:
            node.layer_slots.new(name)
    return list(node.inputs)[: len(names)]


def set_output_path(node: Any, path: str) -> None:
    """Set where a File Output writes; #### is the frame's number."""
    if IS_5_0:
        node.directory, node.file_name = os.path.split(path)
    else:
        node.base_path = path


def curves_of(owner: Any) -> Any:
    """Return the animation curves of an object, its data or a node tree; empty where nothing is keyed."""
    animation = owner.animation_data
    if not animation or not animation.action:
        return []
    if not IS_5_0:
        return animation.action.fcurves
    bags = [strip.channelbag(animation.action_slot) for layer in animation.action.layers for strip in layer.strips]
    return next((bag.fcurves for bag in bags if bag), [])
