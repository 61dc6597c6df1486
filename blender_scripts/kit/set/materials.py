"""Materials of the subject and of backdrops.

Those of the subject are procedural: a phenolic moulding, brushed aluminium, paint, ink, lacquer.
"""

from typing import Any

import bpy

from kit.comp.nodes import NodeDesk, set_input


def _make_principled(name: str, **inputs: Any) -> tuple[bpy.types.Material, NodeDesk, bpy.types.Node]:
    """Return a material whose Principled BSDF has the given inputs (spaces as underscores)."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    desk = NodeDesk(material.node_tree)
    shader = desk.tree.nodes["Principled BSDF"]
    for key, value in inputs.items():
        set_input(shader.inputs[key.replace("_", " ")], value)
    material.diffuse_color = inputs["Base_Color"]  # what the viewport's solid mode shows
    return material, desk, shader


def make_phenolic() -> bpy.types.Material:
    """Make black phenolic moulding: dark, with a fine unevenness, polished but not wet."""
    material, desk, shader = _make_principled(
        "dark_phenolic",
        Base_Color=(0.010, 0.0092, 0.0087, 1.0),
        Roughness=0.38,
        Specular_IOR_Level=0.32,
        Coat_Weight=0.08,
    )
    place = desk.add_node("ShaderNodeTexCoord", "object coordinates", (-800, -200))  # one unit = the subject's width
    noise = desk.add_node("ShaderNodeTexNoise", "moulding", (-600, -200))
    bump = desk.add_node("ShaderNodeBump", "unevenness", (-300, -200))
    set_input(noise.inputs["Scale"], 90.0)
    set_input(bump.inputs["Strength"], 0.12)
    set_input(bump.inputs["Distance"], 0.002)
    desk.link(place.outputs["Object"], noise.inputs["Vector"])
    desk.link(noise.outputs[0], bump.inputs["Height"])
    desk.link(bump.outputs["Normal"], shader.inputs["Normal"])
    return material


def make_brushed_aluminium() -> bpy.types.Material:
    """Make spun aluminium: the turning marks are rings about Z, and the highlight is drawn out across them."""
    material, desk, shader = _make_principled(
        "brushed_aluminium", Base_Color=(0.78, 0.785, 0.80, 1.0), Metallic=1.0, Anisotropic=0.75
    )
    place = desk.add_node("ShaderNodeTexCoord", "object coordinates", (-1100, 0))
    flat = desk.add_node("ShaderNodeVectorMath", "without height", (-900, 0), operation="MULTIPLY")
    radius = desk.add_node("ShaderNodeVectorMath", "radius", (-700, 0), operation="LENGTH")
    noise = desk.add_node("ShaderNodeTexNoise", "turning marks", (-500, 0), noise_dimensions="1D")
    rough = desk.add_node("ShaderNodeMapRange", "roughness", (-300, 0))
    tangent = desk.add_node("ShaderNodeTangent", "around Z", (-300, -300), direction_type="RADIAL", axis="Z")
    set_input(flat.inputs[1], (1.0, 1.0, 0.0))
    set_input(noise.inputs["Scale"], 220.0)
    set_input(rough.inputs["To Min"], 0.16)
    set_input(rough.inputs["To Max"], 0.44)
    desk.link(place.outputs["Object"], flat.inputs[0])
    desk.link(flat.outputs["Vector"], radius.inputs[0])
    desk.link(radius.outputs["Value"], noise.inputs["W"])
    desk.link(noise.outputs[0], rough.inputs["Value"])
    desk.link(rough.outputs[0], shader.inputs["Roughness"])
    desk.link(tangent.outputs[0], shader.inputs["Tangent"])
    return material


def make_white_paint() -> bpy.types.Material:
    """Make white paint."""
    return _make_principled("white_paint", Base_Color=(0.82, 0.81, 0.77, 1.0), Roughness=0.45)[0]


def make_black_ink() -> bpy.types.Material:
    """Make black ink."""
    return _make_principled("black_ink", Base_Color=(0.01, 0.01, 0.01, 1.0), Roughness=0.5)[0]


def make_lacquer() -> bpy.types.Material:
    """Make a red lacquer for the plain solids."""
    return _make_principled(
        "red_lacquer", Base_Color=(0.55, 0.035, 0.02, 1.0), Roughness=0.35, Coat_Weight=0.8, Coat_Roughness=0.08
    )[0]


def make_matt(name: str, color: list[float]) -> bpy.types.Material:
    """Make painted paper or cloth: a colour without a highlight."""
    return _make_principled(name, Base_Color=(*color, 1.0), Roughness=1.0, Specular_IOR_Level=0.0)[0]


def make_picture(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """Make an image that shines as bright as it is, whatever the lights, and is clear where its alpha is 0."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    desk = NodeDesk(material.node_tree)
    desk.tree.nodes.remove(desk.tree.nodes["Principled BSDF"])
    texture = desk.add_node("ShaderNodeTexImage", "picture", (-500, 0), image=image, extension="CLIP")
    clear = desk.add_node("ShaderNodeBsdfTransparent", "clear", (-200, 100))
    shine = desk.add_node("ShaderNodeEmission", "shine", (-200, 0))
    by_alpha = desk.add_node("ShaderNodeMixShader", "by alpha", (0, 100))
    desk.link(texture.outputs["Color"], shine.inputs["Color"])
    desk.link(texture.outputs["Alpha"], by_alpha.inputs["Fac"])
    desk.link(clear.outputs["BSDF"], by_alpha.inputs[1])
    desk.link(shine.outputs["Emission"], by_alpha.inputs[2])
    desk.link(by_alpha.outputs["Shader"], desk.tree.nodes["Material Output"].inputs["Surface"])
    return material
