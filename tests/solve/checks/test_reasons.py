"""Every sentence of a solve has a code of the closed list, in the source and in the record."""

import ast
from pathlib import Path

import pytest

from helpers.plates.simulated import simulate
from helpers.shows.project import REPOSITORY
from shotmake.config import schema
from shotmake.reasons import CODES, RESERVED, Reason, add_warnings, read_warnings, record_reasons
from shotmake.solve.checks.candidate_and_refusal import Refused
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import solve

SAID, ADDING = {"warnings", "notes"}, {"append", "extend"}


def trees() -> dict[Path, ast.Module]:
    found = [*(REPOSITORY / "shotmake").rglob("*.py"), *(REPOSITORY / "tasks").rglob("*.py")]
    return {path.relative_to(REPOSITORY): ast.parse(path.read_text()) for path in found}


def speaks_of_a_solve(tree: ast.Module) -> bool:
    """Its warnings and notes are those of a solve; plates, lenses and objects have plain ones."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [
        node
        for node in imports
        if node.module in ("shotmake.reasons", "shotmake.solve.result", "shotmake.geometry.change_of_world")
    ]
    return bool({alias.name for node in ours for alias in node.names} - {"folds", "has_plausible_focal"})


def codes_of(node: ast.expr) -> set[str] | None:
    """The codes that the first argument of Reason or Refused may be; none where it is another reason's code; None where
    it is anything else."""
    if isinstance(node, ast.Constant):
        return {node.value}
    if isinstance(node, ast.IfExp):
        both = codes_of(node.body), codes_of(node.orelse)
        return None if None in both else both[0] | both[1]
    if (isinstance(node, ast.Attribute) and node.attr == "code") or (isinstance(node, ast.Name) and node.id == "code"):
        return set()
    return None


def calls_of(tree: ast.AST, *names: str) -> list[ast.Call]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in found if isinstance(call.func, ast.Name) and call.func.id in names]


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def bare_texts(node: ast.expr, texts: set[str]) -> list[ast.expr]:
    """The texts, and the names of `texts`, in an expression that are no argument of a call: those which would be a
    sentence by themselves."""
    if isinstance(node, ast.Call):
        return []
    if is_text(node) or (isinstance(node, ast.Name) and node.id in texts):
        return [node]
    parts = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return [text for part in parts for text in bare_texts(part, texts)]


def uncoded(tree: ast.AST) -> list[int]:
    """Lines where a text goes among the warnings or notes of a solve without a code, or a refusal has none."""
    said = []
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in SAID:
            said.append(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ADDING:
            if isinstance(node.func.value, ast.Name) and node.func.value.id in SAID:
                said += node.args
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(one, ast.Name) and one.id in SAID for one in targets):
                said.append(node.value)
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign) and is_text(node.value)]
    texts = {one.id for node in assigned for one in node.targets if isinstance(one, ast.Name)}
    lines = [text.lineno for one in said for text in bare_texts(one, texts)]
    for call in calls_of(tree, "Refused", "Reason"):
        if len(call.args) != 2 or codes_of(call.args[0]) is None:
            lines.append(call.lineno)
    return lines


def test_every_sentence_of_a_solve_has_a_code():
    found = {str(path): uncoded(tree) for path, tree in trees().items() if speaks_of_a_solve(tree)}
    assert len(found) > 20
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        'warnings.append("soft")',
        'warnings.append(f"{count} soft")',
        'warnings += ["soft"]',
        'replace(found, warnings=(*found.warnings, "soft"))',
        'notes = ("soft",)',
        'text = f"{count} soft"; warnings.append(text)',
        'text = "soft"; replace(found, notes=(*found.notes, text))',
        'raise Refused("too soft")',
        'Refused(text, "cut")',
    ],
)
def test_a_sentence_without_a_code_is_seen(source):
    assert uncoded(ast.parse(source)) == [1]


def test_every_code_is_used_or_reserved():
    calls = [call for tree in trees().values() for call in calls_of(tree, "Refused", "Reason")]
    used = set.union(*(codes_of(call.args[0]) or set() for call in calls))
    assert used <= CODES.keys() and RESERVED <= CODES.keys()
    assert used & RESERVED == set(), "no longer reserved: take it out of RESERVED"
    assert CODES.keys() - used - RESERVED == set(), "neither used nor reserved"


def test_a_code_is_a_word_with_a_sentence_of_what_it_means():
    for code, meaning in CODES.items():
        assert code == code.lower() and code.replace("_", "").isalpha(), code
        assert meaning.endswith(".") and meaning[0].isupper() and "\n" not in meaning, code
    assert len(set(CODES.values())) == len(CODES)


def test_a_code_that_is_not_in_the_list_is_an_error_where_it_is_made():
    for make in (Reason, Refused):
        with pytest.raises(ValueError, match="found 'wrong'"):
            make("wrong", "it went wrong")
    assert str(Refused("cut", "it is cut")) == "it is cut" and Refused("cut", "it is cut").reason.code == "cut"


def test_warnings_and_codes_stay_side_by_side():
    zoom, cut, lens = Reason("zoom", "a"), Reason("cut", "b"), Reason("lens_note", "c")
    record = add_warnings(record_reasons([zoom], [cut]), before=[lens], after=[cut])
    assert record == {"warnings": ["c", "a", "b"], "warning_codes": ["lens_note", "zoom", "cut"],
                      "notes": ["b"], "note_codes": ["cut"]}  # fmt: skip
    assert read_warnings(record) == (lens, zoom, cut)


@pytest.mark.parametrize("codes", [None, [], ["zoom"], "zoom!", ["zoom", "of_a_newer_release"], ["zoom", 3]])
def test_codes_of_another_release_are_read(codes):
    """A solve JSON may be older than codes, newer than ours, or touched by hand."""
    record = {"warnings": ["a", "b"]} | ({} if codes is None else {"warning_codes": codes})
    read = read_warnings(record)
    assert [one.text for one in read] == ["a", "b"] and read[1].code == "imported_doubt"


@pytest.mark.parametrize(
    ("kind", "settings", "camera", "said"),
    [
        ("pan", {"kind": "general"}, {}, "tiny_parallax"),
        ("orbit", {"kind": "tripod"}, {}, "turning_disagrees"),
    ],
)
def test_a_refusal_has_its_code_in_the_record(kind, settings, camera, said):
    shot = simulate(kind, seed=2, frame_count=24, visible=80)
    record = solve(
        SolveInputs(shot.tracks, shot.size_px, shot.frames, schema.Camera(**camera), schema.Solve(**settings))
    ).record
    assert (record["status"], record["reason_code"]) == ("refused", said), record["reason"]
    assert record["warning_codes"] == record["note_codes"] == []


@pytest.mark.parametrize("kind", ["orbit", "pan", "static"])
def test_a_solve_has_no_reason_and_as_many_codes_as_sentences(kind):
    shot = simulate(kind, seed=2, frame_count=24, visible=80)
    record = solve(SolveInputs(shot.tracks, shot.size_px, shot.frames, schema.Camera(), schema.Solve())).record
    assert record["status"] != "refused" and record["reason"] == record["reason_code"] == ""
    for kind in ("warning", "note"):
        assert len(record[f"{kind}_codes"]) == len(record[f"{kind}s"]) and set(record[f"{kind}_codes"]) <= CODES.keys()
