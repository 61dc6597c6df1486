"""Keep the show's folder off Python's path: a file in it that has the name of a library would run in the library's
place.

doit, and Python itself, put the folder of dodo.py in front of all other folders. A show may come from a stranger, who
may put a numpy.py or a yaml.py beside dodo.py. So the folders of shows are taken off the path, and finders load only
our own modules from there.

This runs before everything else, while the folder is still in front. So only `os` and `sys`, which Python has loaded
before, may be imported at the top of this file.
"""

import os
import sys

TYPE_CHECKING = False  # type checkers take it as true
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

OURS = ("dodo", "shotmake", "hydra_plugins")
OF_A_SHOW = ("dodo",)
SETTINGS = {".numba_config.yaml": "numba"}  # it names a cache_dir with compiled code, and pickles that lead to it
IN_PIECES = ("hydra_plugins",)  # packages without __init__.py; other libraries hold other parts of them


def leave_shows(tool: str) -> None:
    """Take the tool's folder, and each folder that holds a dodo.py, off Python's path, by whatever name it stands
    there.

    Our own modules are still found in these folders, before all others: all of them in the tool's folder, and dodo
    alone in the folder of a show.
    """
    tool = os.path.realpath(tool)
    folders = {os.path.realpath(place) for place in sys.path}
    shows = sorted(folder for folder in folders if folder != tool and os.path.isfile(os.path.join(folder, "dodo.py")))
    sys.path[:] = [place for place in sys.path if place and os.path.realpath(place) not in (tool, *shows)]
    finders = [ShowFinder(show, OF_A_SHOW) for show in shows] + [ShowFinder(tool, OURS)]
    known = [finder.folder for finder in sys.meta_path if isinstance(finder, ShowFinder)]
    sys.meta_path[:0] = [finder for finder in finders if finder.folder not in known]


def refuse_settings(folder: str) -> None:
    """Exit where the show's folder holds settings by which a library would load code from it."""
    for name, library in SETTINGS.items():
        if os.path.lexists(os.path.join(folder, name)):
            sys.exit(f"{name}: {library} reads it in the show's folder and may load code by it; move it away")


class ShowFinder:
    """A finder of the given names in one folder.

    It looks at no other name, and not at a file where we have a folder.
    """

    def __init__(self, folder: str, names: tuple[str, ...]):
        self.folder, self.names = folder, names

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        """Find a module, as Python asks for it. Return the module's spec, or None where other finders are to look."""
        if name not in self.names:
            return None
        from importlib.machinery import ModuleSpec, PathFinder
        from importlib.util import spec_from_file_location

        folder = os.path.join(self.folder, name)
        if name in IN_PIECES:
            others = PathFinder.find_spec(name)
            places = list(others.submodule_search_locations or ()) if others else []
            own = [folder] if os.path.isdir(folder) else []
            if not own:
                return None
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [*own, *(place for place in places if place not in own)]
            return spec
        file = f"{folder}.py" if name == "dodo" else os.path.join(folder, "__init__.py")
        if not os.path.isfile(file):
            return None
        return spec_from_file_location(name, file, submodule_search_locations=None if name == "dodo" else [folder])
