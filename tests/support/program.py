"""The files of the stack's program, for tests that run a copy of it with another stack file."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ("Pulumi.yaml", "__main__.py", "settings.py", "settings.schema.json", "stages.py")


def lay_out(folder: Path) -> None:
    """Copy the program without a stack file."""
    folder.mkdir()
    for name in PROGRAM:
        (folder / name).write_text((ROOT / name).read_text())
