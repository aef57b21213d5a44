"""The settings of each client as they stand in its program: what docs/other-languages.md shows is what was run."""

import re
import textwrap
from collections.abc import Mapping

from bench.clients.rows import HERE, SETTINGS, Client

FILES = {
    "C": "c/writers.c",
    "Go": "go/main.go",
    "Java": "java/src/Writers.java",
    "Node": "node/writers.mjs",
    "PHP": "php/writers.php",
    "Perl": "perl/writers.pl",
    "Python": "python/writers.py",
    "Rust": "rust/src/main.rs",
}
FENCES = {"C": "c", "Go": "go", "Java": "java", "Node": "js", "PHP": "php", "Perl": "perl", "Python": "py", "Rust": "rust"}
COMMENTS = {"Python": "#", "Perl": "#"}
TITLES = {"sentinel": "Sentinel", "primary": "primary endpoint", "cluster": "cluster mode"}
_BEGIN = re.compile(r"settings: ([a-z_-]+ [a-z]+ [a-z]+)(?: \*/)?$")
_END = re.compile(r"^\s*(?://|#|/\*) end(?: \*/)?$")


def read(text: str) -> dict[str, list[str]]:
    """Return `CLIENT FORM SETTINGS` -> the parts between `settings: CLIENT FORM SETTINGS` and `end`, in the file's order."""
    found: dict[str, list[str]] = {}
    names: list[str] = []
    lines: list[str] = []
    for line in text.splitlines():
        begun = _BEGIN.search(line)
        if begun and not lines:
            names.append(begun[1])
        elif _END.match(line):
            for name in names:
                found.setdefault(name, []).append(textwrap.dedent("\n".join(lines)).rstrip().rstrip(","))
            names, lines = [], []
        elif names:
            lines.append(line)
    return found


def of(language: str) -> dict[str, list[str]]:
    """Return the regions of a language's program."""
    return read((HERE / FILES[language]).read_text())


def library(client: Client) -> str:
    """Return the name by which a program knows a client's settings: PHP's are run in two ways, iovalkey's are ioredis's."""
    name = client.name.removesuffix("-request").removesuffix("-lambda")
    return "ioredis" if name == "iovalkey" else name


def block(client: Client, regions: Mapping[str, list[str]]) -> str:
    """Return the fenced block with the recommended settings of all forms. A part that several forms share stands there once."""
    forms: dict[str, list[str]] = {}
    for form in client.forms:
        for part in regions[f"{library(client)} {form} {SETTINGS[1]}"]:
            forms.setdefault(part, []).append(TITLES[form])
    mark, written, title = COMMENTS.get(client.language, "//"), [], ""
    for part in sorted(forms, key=lambda part: -len(forms[part])):
        above, title = title, f"{mark} {', '.join(forms[part])}\n"
        written.append(part if title == above else title + part)
    return f"```{FENCES[client.language]}\n" + "\n\n".join(written) + "\n```"
