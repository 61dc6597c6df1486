"""The choices of the config, as the scripts in Blender know them."""

import pytest

from helpers.shows.project import REPOSITORY
from shotmake.config.schema import Footage, Lights, Subject, choices_of
from shotmake.config.track_annotations import MOTION_MODELS, read_manual
from shotmake.scene.make_config_choices import make_module

pytestmark = pytest.mark.fast

SCRIPTS = REPOSITORY / "blender_scripts"


def test_the_committed_module_is_what_the_schema_makes():
    made = (SCRIPTS / "kit" / "config_choices.py").read_text(encoding="utf-8")
    assert made == make_module(), (
        "run python -m shotmake.scene.make_config_choices > blender_scripts/kit/config_choices.py"
    )


def test_a_sheet_may_hold_what_the_config_may(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from kit.read_scene_sheet import BLENDER_COLOR_SPACE, CHOICES

    assert tuple(CHOICES["lights.preset"]) == choices_of(Lights, "preset")
    assert tuple(CHOICES["subject.kind"]) == (*choices_of(Subject, "kind"), "blend")
    assert set(BLENDER_COLOR_SPACE) == set(choices_of(Footage, "color_space"))  # Blender has a name for each


def test_a_manual_track_has_the_motion_models_of_the_tracker():
    blocks = [{"name": one, "frame": 1, "xy_px": [1, 2], "motion_model": one} for one in MOTION_MODELS]
    assert read_manual(blocks)[1] == [] and len(MOTION_MODELS) == 5
