"""The table of formats in docs/reference/formats.md is the registry's."""

import pytest

from helpers.shows.project import REPOSITORY
from shotmake.docs import make_formats_table

pytestmark = pytest.mark.fast


def test_the_reference_holds_the_table_that_the_registry_makes():
    """`python -m shotmake.docs` writes it."""
    assert make_formats_table() in (REPOSITORY / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
