"""What tests/conftest.py does about a fault of older Pythons: parsing while garbage is collected."""

import ast
import gc


class ParsesWhenFreed:
    """Garbage that only the collector finds; its finalizer parses a text, as that of a warning with a traceback does."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        ast.parse("a + b")


def test_a_text_is_parsed_while_garbage_is_collected() -> None:
    text = "\n".join(f"x{number} = f([{number}, a])" for number in range(2000))
    before = gc.get_threshold()
    gc.set_threshold(50)
    try:
        for _ in range(20):
            ParsesWhenFreed()
            assert len(ast.parse(text).body) == 2000
    finally:
        gc.set_threshold(*before)
    assert gc.isenabled()
