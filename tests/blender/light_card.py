"""Inside Blender: hold a glowing card before the camera of a .blend's CG, and save it.

From left to right it glows from 0 to 5, from bottom to top it turns from clear to solid: CG of any alpha, also
brighter than white.   usage: light_card.py FILE.blend
"""

import sys

import bpy

bpy.ops.wm.open_mainfile(filepath=sys.argv[1], load_ui=False)
camera = bpy.data.objects["overscan_camera"]
mesh = bpy.data.meshes.new("card")
x, y, z = 0.55, 0.30, -1.5
mesh.from_pydata([(-x, -y, z), (x, -y, z), (x, y, z), (-x, y, z)], [], [(0, 1, 2, 3)])
card = bpy.data.objects.new("card", mesh)
card.parent = camera
bpy.data.collections["subject"].objects.link(card)
material = bpy.data.materials.new("card")
material.use_nodes = True
tree = material.node_tree
tree.nodes.clear()
place = tree.nodes.new("ShaderNodeTexCoord")
split = tree.nodes.new("ShaderNodeSeparateXYZ")
strength = tree.nodes.new("ShaderNodeMath")
strength.operation, strength.inputs[1].default_value = "MULTIPLY", 5.0
light = tree.nodes.new("ShaderNodeEmission")
light.inputs["Color"].default_value = (1.0, 0.6, 0.2, 1.0)
clear = tree.nodes.new("ShaderNodeBsdfTransparent")
both = tree.nodes.new("ShaderNodeMixShader")
output = tree.nodes.new("ShaderNodeOutputMaterial")
for source, target in (
    (place.outputs["Generated"], split.inputs[0]),
    (split.outputs["X"], strength.inputs[0]),
    (strength.outputs[0], light.inputs["Strength"]),
    (split.outputs["Y"], both.inputs[0]),
    (clear.outputs[0], both.inputs[1]),
    (light.outputs[0], both.inputs[2]),
    (both.outputs[0], output.inputs["Surface"]),
):
    tree.links.new(source, target)
mesh.materials.append(material)
for scene in bpy.data.scenes:
    scene.cycles.use_denoising = False
bpy.ops.wm.save_mainfile()
