"""Who may know whom: the arrows of the house, read from the imports themselves."""

from pathlib import Path

import pytest

from tests.support.imports import imported

ROOT = Path(__file__).resolve().parents[2]
OWN = {"redis_ha", "redis_ha_client", "redis_ha_ops", "pulumi_emulator", "settings", "stages"}
PULUMI = {"pulumi", "pulumi_aws", "pulumi_digitalocean", "pulumi_random", "pulumi_tls"}

# Room -> own packages it may import, and whether it may know Pulumi.
ROOMS: dict[str, tuple[set[str], set[str]]] = {
    "components": ({"redis_ha"}, PULUMI),
    "client": ({"redis_ha_client"}, set()),
    "ops": ({"redis_ha_ops", "redis_ha_client"}, set()),
    # The emulator speaks the engine's protocol; of the providers' SDKs it reads names only when its tables are made (tools/).
    "emulator": ({"pulumi_emulator"}, {"pulumi"}),
    "__main__.py": ({"redis_ha", "settings", "stages"}, PULUMI),
    "settings.py": ({"redis_ha"}, {"pulumi", "pulumi_aws"}),
    "stages.py": (set(), {"pulumi"}),
}


def strangers(path: Path, own: set[str], pulumi: set[str]) -> set[str]:
    """Give the packages that a file imports and its room may not know."""
    return {module.split(".")[0] for module in imported(path)} & ((OWN | PULUMI) - own - pulumi)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_knows_only_whom_it_may(room: str) -> None:
    place = ROOT / room
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    assert files, f"{room} holds no Python file"
    own, pulumi = ROOMS[room]
    assert {str(path.relative_to(ROOT)): found for path in files if (found := strangers(path, own, pulumi))} == {}


def test_a_forbidden_import_is_seen(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("def late():\n    from pulumi_emulator import cli\n    import redis\n")
    assert strangers(module, *ROOMS["ops"]) == {"pulumi_emulator"}


@pytest.mark.parametrize(
    "room", sorted(path.name for path in (ROOT / "components" / "redis_ha").iterdir() if (path / "__init__.py").exists())
)
def test_components_share_only_what_lies_beside_their_rooms(room: str) -> None:
    rooms = {path.name for path in (ROOT / "components" / "redis_ha").iterdir() if (path / "__init__.py").exists()}
    found = {
        f"{path.name}: {module}"
        for path in (ROOT / "components" / "redis_ha" / room).rglob("*.py")
        for module in imported(path)
        if module.startswith("redis_ha.") and module.split(".")[1] in rooms - {room}
    }
    assert found == set()
