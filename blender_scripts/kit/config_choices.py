"""What keys of the config may be, by where they stand in the scene sheet.

`python -m shotmake.scene.make_config_choices > blender_scripts/kit/config_choices.py` makes it; a test compares it with
the schema.
"""

OF_THE_CONFIG = {
    "color_space": ["Rec.709", "sRGB", "Linear", "Raw"],
    "subject.kind": ["knob", "cube", "sphere", "none"],
    "lights.preset": ["sun_fill", "overcast", "three_point", "hdri", "none"],
    "backdrop.kind": ["catcher", "infinite_curve", "image", "none"],
    "composite.mode": ["over_footage", "over_plate", "multiply", "add", "screen"],
    "composite.background_source": ["footage", "image", "none"],
    "render.format": ["exr", "png"],
}
