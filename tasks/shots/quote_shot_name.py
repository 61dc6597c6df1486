"""`shot=<name>`: the name is that of a YAML file, so it may be nearly any text.

What Hydra gets is quoted as its grammar needs it. A name that one of our commands cannot take is refused, with the
reason and a name that works.
"""

import re
from itertools import chain, count

from shotmake.new_shot.shot_yaml import make_safe_name
from shotmake.tasks.shots.up_to_date import list_shot_names, split_names

LONGEST = 200  # bytes: the names of folders and files that hold it have room for a cache key and a suffix
PLAIN = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)  # a word that Hydra takes without quotes
NOT_TEXT = ("true", "false", "null", "nan", "inf")
FUNCTIONS = "bool|choice|extend_list|float|glob|int|interval|json_str|range|shuffle|sort|str|tag"
REFUSED = (
    (re.compile(r"[\ud800-\udfff]"), "is not UTF-8"),
    (re.compile(r","), "has a comma, which stands between several shots in shot="),
    (re.compile(r"^ | $"), "begins or ends with a space"),
    (re.compile(r"^['\"]"), "begins with a quote"),
    (re.compile(r"\$\{"), "has ${, which begins an interpolation"),
    (re.compile(r"\.ya?ml$", re.IGNORECASE), "ends in a suffix twice"),
    (re.compile(rf"^({FUNCTIONS})\("), "is a function of Hydra's"),
    (re.compile(r"^(_self_|\?\?\?)$"), "is a word of Hydra's"),
)


def why_refused(name: str) -> str:
    """Return one line on why no command can take a file of this name as shot=<name>; "" for all other names."""
    reason = next((reason for pattern, reason in REFUSED if pattern.search(name)), "")
    if not reason and not name.isprintable():
        reason = "has a character that cannot be seen"
    if not reason and len(name.encode()) > LONGEST:
        reason = f"has {len(name.encode())} bytes, at most {LONGEST} are allowed"
    line = f"conf/shot/{show_name(name)}.yaml: the file's name {reason}; rename it, to {suggest_name(name)}.yaml say"
    return line if reason else ""


def suggest_name(name: str) -> str:
    """Return a name like this one that every command takes and that no other shot has, to rename the file to."""
    found = make_safe_name(re.sub(r"\.ya?ml$", "", name, flags=re.IGNORECASE), ())[:64].rstrip("._-")
    taken = {one.lower() for one in list_shot_names()}
    tries = chain([found], (f"{found}_{number}" for number in count(2)))
    return next(one for one in tries if one.lower() not in taken)


def show_name(name: str) -> str:
    """Return the name as one line of valid text, whatever bytes it is made of."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def quote(text: str, always: bool = False) -> str:
    """Return any text as a word of Hydra's grammar. A plain text stays as it is, unless `always` is set."""
    if PLAIN.fullmatch(text) and text.lower() not in NOT_TEXT and not always:
        return text
    # Backslashes count only before a quote, the closing one too.
    escaped = re.sub(r"(\\*)'", lambda found: rf"{found[1] * 2}\'", text)
    closed = re.sub(r"(\\+)$", lambda found: found[1] * 2, escaped)
    return f"'{closed}'"


def unquote(word: str) -> str:
    """Return the text of a word of Hydra's grammar, in single quotes, in double quotes or in none."""
    quote = word[:1]
    if quote not in ("'", '"') or word[-1] != quote or len(word) < 2:
        return word
    text = re.sub(rf"(\\+){quote}", lambda found: found[1][: len(found[1]) // 2] + quote, word[1:-1])
    return re.sub(r"(\\+)$", lambda found: found[1][: len(found[1]) // 2], text)


def to_hydras_words(word: str) -> str:
    """Return `shot=...` with its names quoted. Hydra's own grammar (glob(*), choice(...), quotes) stays as it is."""
    value = word.removeprefix("shot=")
    if is_grammar(value):
        return word
    return f"shot={','.join(map(quote, split_names(value)))}"


def with_quotes(word: str, name: str | None = None) -> str:
    """Return a `shot=<name>` word with its one name quoted, or with another name (`name`). Other words stay as they
    are.
    """
    found = word.removeprefix("shot=")
    return word if found == word else f"shot={quote(found if name is None else name)}"


def is_grammar(value: str) -> bool:
    """Return whether the value of shot= is Hydra's grammar and not a list of names."""
    there = list_shot_names()
    return value[:1] in ("'", '"', "[") and value not in there or bool(re.match(rf"({FUNCTIONS})\(", value))
