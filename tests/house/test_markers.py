"""The marker `servers` says which files start real servers; what they start is read from the files themselves."""

import ast
import functools
from pathlib import Path

import pytest

from tests.support.imports import imported, tree_of

TESTS = Path(__file__).resolve().parents[1]
# What starts a server names its program; tests/support/servers.py builds it, the emulator's host of cache nodes brings its own,
# and its Lambda runs functions.
STARTS = ("redis-server", "ensure_software(", "build_engine.go_of_path(", "create_function(")
# Any of these says it: with an engine or machines come servers.
ENOUGH = {"servers", "machines", "engine"}


@functools.cache
def starts(path: Path) -> bool:
    """Tell whether a file starts servers, by itself or by another of the tests' files that it imports."""
    if any(word in path.read_text() for word in STARTS):
        return True
    # Of a conftest only those take a server who ask for its fixture.
    modules = (module for module in imported(path) if module.startswith("tests.") and not module.endswith("conftest"))
    files = (TESTS.parent / f"{module.replace('.', '/')}.py" for module in modules)
    return any(starts(file) for file in files if file.exists())


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def fixtures(conftest: Path) -> set[str]:
    """Give the fixtures of a conftest that starts servers."""
    if not conftest.exists() or not starts(conftest):
        return set()
    return {found.name for found in functions(conftest) if is_fixture(found)}


def is_fixture(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("fixture" in ast.unparse(decorator) for decorator in function.decorator_list)


def asked_for(path: Path) -> set[str]:
    """Give the names of the fixtures that a file's functions may ask for."""
    calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call) and "usefixtures" in ast.unparse(node.func)]
    named = {str(name.value) for call in calls for name in call.args if isinstance(name, ast.Constant)}
    asking = (function for function in functions(path) if function.name.startswith("test_") or is_fixture(function))
    return named | {argument.arg for function in asking for argument in function.args.args} - parametrized(path)


def parametrized(path: Path) -> set[str]:
    """Give the names of arguments that tests are given values for: no fixture is asked for by them."""
    calls = [
        node
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("parametrize")
    ]
    texts = [node.value for call in calls for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)]
    return {name.strip() for text in texts for name in str(text).split(",")}


def needs_servers(path: Path) -> bool:
    offered = fixtures(path.with_name("conftest.py")) | fixtures(TESTS / "conftest.py")
    return starts(path) or bool(offered and offered & asked_for(path))


def markers(path: Path) -> set[str]:
    """Give the markers of a whole file."""
    marks = [
        node.value
        for node in tree_of(path).body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["pytestmark"]
    ]
    return {part.attr for mark in marks for part in ast.walk(mark) if isinstance(part, ast.Attribute)}


def test_a_file_is_marked_when_it_starts_servers_and_only_then() -> None:
    files = sorted(set(TESTS.glob("*/test_*.py")) - {Path(__file__)})  # this one only names them
    assert files
    wrong = {}
    for path in files:
        marked, needed = markers(path), needs_servers(path)
        if (needed and not marked & ENOUGH) or ("servers" in marked and not needed):
            wrong[str(path.relative_to(TESTS))] = "starts servers" if needed else "starts none"
    assert wrong == {}


CONFTEST = "import pytest\nimport tests.support.redis_processes\n@pytest.fixture\ndef whole(): ...\n"


@pytest.mark.parametrize(
    ("conftest", "test", "needed"),
    [
        ("", "import tests.support.global_processes", True),  # by two more files
        ("", "from tests.support import redis_processes", True),
        ("", "command = ['redis-server', '--port', '1']", True),
        ("", "from tests.support.waiting import wait_until", False),
        (CONFTEST, "def test_it(whole): ...", True),
        (CONFTEST, "import pytest\n@pytest.mark.usefixtures('whole')\ndef test_it(): ...", True),
        (CONFTEST, "def test_it(tmp_path): ...", False),
    ],
)
def test_what_starts_servers(tmp_path: Path, conftest: str, test: str, *, needed: bool) -> None:
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_it.py").write_text(test)
    assert needs_servers(tmp_path / "test_it.py") is needed


def test_the_markers_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import pytest\npytestmark = [pytest.mark.servers, pytest.mark.timeout(9)]\n")
    assert markers(tmp_path / "test_it.py") >= {"servers", "timeout"}
