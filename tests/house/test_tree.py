"""What the tree as a whole promises: pinned packages, no address of a registry, no path of one machine, no secret."""

import re

from tests.support.documents import ROOT, tracked


def test_every_python_package_is_pinned_by_hash_and_no_address_is_named() -> None:
    for name in ("requirements.txt", "tools/go-requirements.txt"):
        text = (ROOT / name).read_text()
        blocks = re.split(r"\n(?=[a-z])", text)
        pinned = [block for block in blocks if "==" in block]
        assert pinned
        assert all("--hash=sha256:" in block for block in pinned)
        assert "://" not in text
        assert "--index" not in text
        assert "--find-links" not in text


def test_no_file_names_a_path_of_one_machine() -> None:
    needle = re.compile(r"(?<![\w.])/(?:root|work|home)/[\w.]")
    found = {
        str(path.relative_to(ROOT)): match.group(0)
        for path in tracked()
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".txt", ".json", ".j2", ""} and path.name != "test_tree.py"
        if (match := needle.search(path.read_text(errors="replace")))
    }
    assert found == {}


def test_every_guard_that_the_corrections_name_is_there() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for name in set(re.findall(r"`(test_\w+)(\.py)?`", (ROOT / "docs" / "corrections.md").read_text())):
        found = f"def {name[0]}(" in tests if not name[1] else any((ROOT / "tests").rglob(name[0] + name[1]))
        assert found, name[0]


def test_top_level_holds_what_was_asked_for() -> None:
    wanted = [
        "Pulumi.yaml",
        "Pulumi.local.yaml",
        "Pulumi.prod.yaml",
        "Pulumi.staging.yaml",
        "__main__.py",
        "components",
        "tests",
        "README.md",
    ]
    assert [name for name in wanted if not (ROOT / name).exists()] == []
