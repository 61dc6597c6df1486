"""The three tiers of the tests: `pytest -m fast`, `pytest`, `python tests/matrix`."""

from typing import Any

import pytest


def more(*values: Any) -> list[Any]:
    """Return the values as parameters of a test that only the matrix runs. A tuple holds several parameters."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.matrix) for value in values
    ]
