"""The documents of the tree: their blocks, links and headings."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, what language it says, its text, and the last line of text above it."""

    path: Path
    language: str
    text: str
    above: str

    @property
    def name(self) -> str:
        """Where it stands, for a failing test: file and first line."""
        return f"{self.path.relative_to(ROOT)}: {self.text.splitlines()[0] if self.text else ''}"


def tracked(*endings: str) -> list[Path]:
    """Return the files of the tree (with one of these endings, if any are given), new ones too."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for name in sorted(set(names)) if name.endswith(endings or "") and (path := ROOT / name).is_file()]


def documents() -> list[Path]:
    """Return every Markdown file of the tree."""
    return tracked(".md")


def blocks(path: Path, language: str) -> list[Block]:
    """Return a document's blocks of one language."""
    text = path.read_text()
    found = []
    for match in _FENCE.finditer(text):
        if match[1] == language:
            before = text[: match.start()].rstrip()
            found.append(Block(path, language, match[2], before[before.rfind("\n") + 1 :]))
    return found


def all_blocks(language: str) -> list[Block]:
    """Return the blocks of one language in all documents."""
    return [block for path in documents() for block in blocks(path, language)]


def links(path: Path) -> list[tuple[Path, str]]:
    """Return what a document links to inside the tree: the file or folder, and the heading's anchor ("" for none)."""
    found = []
    for target in _LINK.findall(_FENCE.sub("", path.read_text())):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        found.append(((path.parent / name).resolve() if name else path, anchor))
    return found


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
