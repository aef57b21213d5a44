"""The Lambda function's code as it is deployed: a package made of this package's files, the same for the same content."""

from pathlib import Path

import pulumi

SOURCE = Path(__file__).parent / "function"
PACKAGE = "redis_ha_failover"  # what the folder is called in the archive
HANDLER = f"{PACKAGE}.handler.handle"


def function_files(source: Path = SOURCE) -> dict[str, str]:
    """Return the text of each file by its path in the archive: the modules, and nothing that running them leaves behind."""
    return {f"{PACKAGE}/{path.name}": path.read_text(encoding="utf-8") for path in sorted(source.glob("*.py"))}


def function_archive() -> pulumi.AssetArchive:
    """Return the archive. The engine compares it by paths and contents: neither has file times, owners or bytecode in it."""
    return pulumi.AssetArchive({path: pulumi.StringAsset(text) for path, text in function_files().items()})
