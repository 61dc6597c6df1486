"""How loops are compiled: the one place of numba's options.

A kernel is compiled when it is first called, once a machine: the code lies in the user's cache folder, under a digest
of all that it is made of, and is shared by all clones and shows. numba's own cache lies beside each clone's sources,
and it does not notice when a kernel of another file, or a constant of another file, changes.
"""

import contextlib
import hashlib
import inspect
import pickle
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import numpy
from numba import njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache

from shotmake.files.user_cache import find_kernels

# What pickle may raise for a file that is not whole, by its documentation and as seen
DAMAGED = (
    *(pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError, KeyError, TypeError, ValueError),
    *(OSError, RuntimeError),
)
MOST_FILES = 600  # in the folder; some 60 are of one version. The oldest go


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile the function when it is first called, and keep the result for every other process of the user.

    Without a home (as for `nobody`) it is kept beside the code. Each process compiles anew where that cannot be
    written either.
    """
    kernel: Any = njit(function)
    with contextlib.suppress(RuntimeError):  # numba found no folder; it has compiled nothing yet
        kernel._cache = _KernelCache(function)
    return kernel


def digest_kernel(function: Callable[..., Any]) -> str:
    """Return a digest of all that a kernel is made of, apart from numba, which keeps its own version.

    These are its file, the files of the kernels that it calls, the constants of other modules that it reads, and numpy.
    """
    parts = sorted({*_yield_parts(function, set()), f"numpy {numpy.__version__}"})
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def _yield_parts(function: Callable[..., Any], seen: set[Callable[..., Any]]) -> Iterator[str]:
    seen.add(function)
    yield Path(inspect.getfile(function)).read_text(encoding="utf-8")
    for name in sorted(_list_names(function.__code__)):
        value = function.__globals__.get(name)
        called = getattr(value, "py_func", None)
        if called is not None and called not in seen:
            yield from _yield_parts(called, seen)
        elif isinstance(value, (bool, int, float, str, tuple)):
            yield f"{function.__module__}.{name} = {value!r}"
        elif isinstance(value, numpy.ndarray):
            yield f"{function.__module__}.{name} = {value.dtype} {value.shape} {value.tobytes().hex()}"


def _list_names(code: CodeType) -> set[str]:
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return {*code.co_names}.union(*(_list_names(one) for one in inner))


class _KernelPlace:
    """Where numba keeps the code of a kernel: what numba.core.caching calls a locator."""

    def __init__(self, function: Callable[..., Any], file: str, folder: Path):
        self._py_file = file  # numba names it in a warning
        self._digest = digest_kernel(function)
        self._folder = folder

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> "_KernelPlace | None":
        """Return the place of a kernel: in the user's cache, else beside the code; None where nothing can be kept."""
        for folder in (find_kernels(), Path(py_file).parent / "__pycache__"):
            if folder is not None:
                place = cls(py_func, py_file, folder)
                with contextlib.suppress(OSError):
                    place.ensure_cache_path()
                    return place
        return None

    def ensure_cache_path(self) -> None:
        """Make the folder. Raises OSError where it cannot be written."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=self._folder).close()

    def get_cache_path(self) -> str:
        """Return the folder."""
        return str(self._folder)

    def get_source_stamp(self) -> str:
        """Return the digest of all that the kernel is made of."""
        return self._digest

    def get_disambiguator(self) -> str:
        """Return what tells kernels of one name apart, and the versions of one kernel."""
        return self._digest


def remove_oldest() -> None:
    """Remove the oldest files of the folder, where there are too many."""
    folder = find_kernels()
    with contextlib.suppress(OSError):
        files = [] if folder is None else sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime)
        for old in files[: max(0, len(files) - MOST_FILES)]:
            old.unlink()


class _KernelImpl(CompileResultCacheImpl):
    _locator_classes = [_KernelPlace]


class _KernelCache(FunctionCache):
    """numba's cache of a kernel. A cache that is damaged, or can no longer be written, costs time and nothing else."""

    _impl_class = _KernelImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code for this signature; None when it is not there, or is not whole."""
        with contextlib.suppress(*DAMAGED):
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled code for this signature."""
        with contextlib.suppress(OSError):
            try:
                super().save_overload(sig, data)
            except DAMAGED:
                self.flush()  # the index
                super().save_overload(sig, data)
