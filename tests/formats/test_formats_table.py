"""The README's table of formats is the registry's."""

import pytest

from helpers.shows.project import REPOSITORY
from shotmake.formats.readme_table import table

pytestmark = pytest.mark.fast


def test_the_readme_holds_the_table_that_the_registry_makes():
    """`python -m shotmake.formats.readme_table` prints it."""
    assert table() in (REPOSITORY / "README.md").read_text()
