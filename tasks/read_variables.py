"""Variables that make Blender read a file that nobody watches. It is started without them: the same shot would come out
otherwise on another desk."""

import os

# A colour config with spaces of its own; where USD looks for layers, and for code.
LEFT_OUT = ("OCIO", "PXR_AR_DEFAULT_SEARCH_PATH", "PXR_PLUGINPATH_NAME")


def without_read_variables() -> dict[str, str]:
    """The environment, but for these."""
    return {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
