"""One word, one thing: functions are verbs, and words that were retired do not come back."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from helpers.shows.project import REPOSITORY
from helpers.verbs import VERBS

pytestmark = pytest.mark.fast

CODE = ("shotmake", "tasks", "blender_scripts", "hydra_plugins", "tests")
PAGES = [*sorted((REPOSITORY / "docs").rglob("*.md")), *sorted(REPOSITORY.glob("*.md"))]

# ---- functions

QUESTIONS = set("is are was has have may can does must should needs why".split())  # they return an answer
# A value in another form, or with a change: to_json, as_json, from_json, with_name, lens_from_vector, faults_of
CONVERSION = re.compile(r"(to|as|from|with|without)_\w+|\w+_(of|from)(_\w+)?")
THINGS = {"property", "cached_property", "functools.cached_property"}  # a property is named for what it is
NAMED_OTHERWISE = {
    "main": "the entry of a program",
    "key file_key group": "fields of a block of the schema, as dataclasses.field is one",
    "compiled once": "decorators: they say what the function below them is",
    "stage config summary gc blender": "methods of Graph, each named as its task",
    "fileno isatty writable": "what Python calls on a stream",
    "error setup": "what argparse and Hydra call",
    "ensure_cache_path": "what numba calls",
}
OTHERWISE = {name for names in NAMED_OTHERWISE for name in names.split()}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if not THINGS & {ast.unparse(one) for one in node.decorator_list}:
                yield node


def is_verb(name: str) -> bool:
    """Whether a function may have this name."""
    base = name.strip("_")
    first = base.split("_")[0]
    special = name.startswith("__") or base in OTHERWISE
    return special or first in VERBS or first in QUESTIONS or CONVERSION.fullmatch(base) is not None


def files(*folders: str) -> list[Path]:
    found = sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))
    return [path for path in found if path != Path(__file__) and "data" not in path.relative_to(REPOSITORY).parts]


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(REPOSITORY)}:{line}"


def test_functions_are_verbs():
    wrong = [
        f"{place(path, node.lineno)}: {node.name}: needed a verb first, as find_camera or is_still; "
        "a verb that is not known yet goes into tests/helpers/verbs.py"
        for path in files("shotmake", "tasks", "blender_scripts", "hydra_plugins")
        for node in functions(path)
        if not is_verb(node.name)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["cleaned", "found", "noticed", "told_by", "camera", "_rate", "agreed_across", "y"])
def test_participles_and_bare_nouns_are_no_names_of_functions(name):
    assert not is_verb(name)


@pytest.mark.parametrize(
    "name",
    ["clean_tracks", "_find", "is_still", "why_stale", "to_json", "key_of_input", "without_distortion", "__len__"],
)
def test_verbs_questions_and_conversions_are(name):
    assert is_verb(name)


# ---- names: (what a name may not be, in which folders, what to say)

RETIRED_NAMES = [
    (r"(?i)(.*_)?(turning|nodal)(_.*)?", CODE, "tripod"),
    (r"Found|found_camera|camera_found", CODE, "Candidate, candidate"),
    (r"observations?|(.*_)observations?", CODE, "markers (Observations is their class)"),
    (r"(given|known|brought|lent)_(cameras?|lens|lenses|solution|focal)", CODE, "imported_.. or keyed_.."),
    (r"free|free_lens|lens_free|freed", ("shotmake/solve",), "refine: the lens terms that a solve may change"),
    (r"matte|mattes|(.*_)mattes?", ("shotmake/tracks", "tasks/stages/tracks"), "mask: where no features go"),
]
STAYS = {  # where a name is somebody else's, or the file's or the key's of a contract
    "shotmake/objects/tracker.py": "observations last_observation",  # fields of the library's tracks
    "shotmake/solve/bundle": "observations",
    "tasks/stages/tracks/masks.py": "matte box_mattes",  # tracking.objects.matte: the room around boxes
    "tasks/stages/tracks/segments.py": "box_mattes",
}


@cache
def names_in(path: Path) -> tuple[tuple[str, int], ...]:
    """Each name that the file gives to something: variables, parameters, fields, functions, classes; and its line."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.append((node.name, node.lineno))
        elif isinstance(node, ast.arg):
            found.append((node.arg, node.lineno))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append((node.id, node.lineno))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.append((node.attr, node.lineno))
    return tuple(dict(found).items())  # each name once, on its last line


def stays(path: Path, name: str) -> bool:
    inside = str(path.relative_to(REPOSITORY))
    return any(inside.startswith(there) and name in names.split() for there, names in STAYS.items())


def test_retired_names_do_not_come_back():
    wrong = []
    for pattern, folders, instead in RETIRED_NAMES:
        retired = re.compile(pattern)
        for path in files(*folders):
            for name, line in names_in(path):
                if retired.fullmatch(name) and not stays(path, name):
                    wrong.append(f"{place(path, line)}: {name}: say {instead}")
    assert not wrong, "\n".join(wrong)


# ---- words of comments, docstrings and pages, and of messages: (what they may not say, what to say)

RETIRED_WORDS = [
    (r"\bnodal\b", "tripod"),
    (r"\bturning (camera|one)\b", "tripod, or a camera that only turns"),
    (
        r"\b(lens|camera|map)s? (that (is|was|are|were) )?brought along\b",
        "imported lens, imported camera, imported map",
    ),
    (r"\bgiven lens\b", "imported lens"),
    (r"\bknown cameras? (need|;)", "imported camera"),
    (r"\b(a|of|the) found cameras?\b|^\W*Found cameras\b", "candidate"),
    (r"\b[Gg]arbage mattes?\b", "mask"),
    (r"\bobservations?\b(?!\.)", "marker"),
]
# Sentences that stand in solves. They change when the solve's version is raised, so that one release writes one text.
OF_SOLVES = (
    "a turning camera does not explain the tracks",
    "no tracks follow a turning camera",
    "does not fit a turning camera is then gone",
    "sensor_width_mm or the lens brought along",
    "sensor_width_mm, or the lens brought along",
    "is ignored: the lens brought along has",
)
STRINGS = (tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1))
WORD = re.compile(r"[\"']\w+[\"']")  # a key of a file
OLD_TEXTS = ("tests/helpers/judging/old_codes.py", "CHANGELOG.md", "docs/SECURITY.md")  # what earlier releases said


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The comments and texts of a module, or the lines of a page, each with its line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or token.string.startswith('"""'):
            yield token.start[0], token.string
        elif token.type in STRINGS and "tests" not in path.relative_to(REPOSITORY).parts:  # a test quotes what is said
            yield token.start[0], "" if WORD.fullmatch(token.string) else token.string


def faults_of_words(text: str) -> Iterator[tuple[str, str]]:
    plain = re.sub(r"`[^`\n]*`|\s+", lambda found: found[0] if found[0][0] == "`" else " ", text)
    for said in OF_SOLVES:
        plain = plain.replace(said, "")
    plain = re.sub(r"`[^`]*`|[\w.]+\.[\w.]+", "", plain)  # code, and dotted names
    for pattern, instead in RETIRED_WORDS:
        if found := re.search(pattern, plain):
            yield found[0], instead


def test_retired_words_do_not_come_back():
    wrong = []
    for path in [*files("shotmake", "tasks", "blender_scripts", "hydra_plugins", "tests"), *PAGES]:
        name = str(path.relative_to(REPOSITORY))
        if name in OLD_TEXTS or name.startswith("shotmake/solve/bundle/"):
            continue
        for line, text in texts(path):
            wrong += [f"{name}:{line}: {said!r}: say {instead}" for said, instead in faults_of_words(text)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text", ["a nodal pan", "with a turning camera", "The lens brought along", "Each observation", "of a found camera"]
)
def test_a_retired_word_is_told_with_the_one_to_use(text):
    assert all(instead for _, instead in faults_of_words(text)) and list(faults_of_words(text))
