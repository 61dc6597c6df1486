"""Lenses of 3DE by made-up numbers."""

from shotmake.geometry.lens_models import anamorphic_3de, classic_3de, radial_3de
from shotmake.geometry.lens_models.lens_of_3de import Lens3de

CLASSIC = {"Distortion": -0.06, "Anamorphic Squeeze": 1.03, "Curvature X": 0.02, "Curvature Y": -0.01,
           "Quartic Distortion": 0.015}  # fmt: skip
RADIAL = {"Distortion - Degree 2": 0.07, "U - Degree 2": 0.003, "V - Degree 2": -0.002, "U - Degree 4": 0.001,
          "Quartic Distortion - Degree 4": 0.02, "V - Degree 4": 0.002, "Phi - Cylindric Direction": 30.0,
          "B - Cylindric Bending": 0.01}  # fmt: skip
ANAMORPHIC = {"Cx02 - Degree 2": 0.05, "Cy02 - Degree 2": 0.02, "Cx22 - Degree 2": -0.02, "Cy22 - Degree 2": 0.015,
              "Cx04 - Degree 4": 0.01, "Cy04 - Degree 4": -0.003, "Cx24 - Degree 4": 0.005, "Cy24 - Degree 4": 0.002,
              "Cx44 - Degree 4": 0.001, "Cy44 - Degree 4": -0.004, "Lens Rotation": 0.8, "Squeeze-X": 1.01,
              "Squeeze-Y": 0.99}  # fmt: skip
MODELS = {"classic": (classic_3de, CLASSIC), "radial": (radial_3de, RADIAL), "anamorphic": (anamorphic_3de, ANAMORPHIC)}


def on_film(name: str) -> Lens3de:
    model, values = MODELS[name]
    return Lens3de(model.NAME, values, 3.2, 2.4, 1.35, 0.02, -0.013)
