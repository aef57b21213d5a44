"""What the machine layer decides on plain data: ranges, addresses, metadata, state, the package index."""

import gzip
import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import allocation, images, metadata, preflight, seed
from pulumi_emulator.machines.model import Firewall, FirewallRule, MachineSpec
from pulumi_emulator.machines.processes import Process, alive, identify
from pulumi_emulator.machines.state import MachineRecord, State, StateStore, VpcRecord

SPEC = MachineSpec(
    "4711",
    "data-0",
    "debian-13-x64",
    "v1",
    "ams3",
    "s-1vcpu-1gb",
    "#cloud-config\n{}\n",
    ("ssh-ed25519 AAAA me",),
    ("redis", "eu"),
)
STATE = State(vpcs={"v1": VpcRecord("v1", "net", "10.20.0.0/24", 1, 2)}, next_vpc=2)
RECORD = MachineRecord(SPEC, "debian-13-x64-abc", 1, "10.20.0.2", "203.0.113.2", "10.18.0.5", "2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize(
    "text", ["10.20.0.0/15", "10.20.0.0/25", "8.8.8.0/24", "203.0.113.0/24", "10.20.0.5/24", "network", ""]
)
def test_ranges_a_vpc_cannot_have(text: str) -> None:
    with pytest.raises(EmulatorError, match="VPC range"):
        allocation.parse_range(text)


def test_an_overlap_names_both() -> None:
    with pytest.raises(EmulatorError, match=r"VPC new \(10\.20\.0\.0/16\) overlaps VPC net \(10\.20\.0\.0/24\)"):
        allocation.refuse_overlap("new", allocation.parse_range("10.20.0.0/16"), STATE)
    with pytest.raises(EmulatorError, match="anchor addresses"):
        allocation.refuse_overlap("new", allocation.parse_range("10.18.4.0/24"), STATE)
    allocation.refuse_overlap("new", allocation.parse_range("10.20.1.0/24"), STATE)


def test_addresses_are_given_once() -> None:
    state, first = allocation.allocate(STATE, SPEC, "image")
    state = replace(state, machines={})  # deleted
    state, second = allocation.allocate(state, replace(SPEC, machine_id="2", public=False), "image")
    _, third = allocation.allocate(state, replace(SPEC, machine_id="3"), "image")
    assert [(entry.private_ip, entry.public_ip) for entry in (first, second, third)] == [
        ("10.20.0.2", "203.0.113.2"),
        ("10.20.0.3", None),
        ("10.20.0.4", "203.0.113.3"),
    ]


def test_the_clients_address_is_never_given_to_a_machine() -> None:
    state = replace(STATE, vpcs={"v1": replace(STATE.vpcs["v1"], next_host=254)})
    with pytest.raises(EmulatorError, match="no address left"):
        allocation.allocate(state, SPEC, "image")


def test_an_unknown_vpc_is_named() -> None:
    with pytest.raises(EmulatorError, match="'v9'"):
        allocation.allocate(STATE, replace(SPEC, vpc_id="v9"), "image")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("id", "4711"),
        ("hostname", "data-0"),
        ("region", "ams3"),
        ("user-data", "#cloud-config\n{}\n"),
        ("public-keys", "ssh-ed25519 AAAA me"),
        ("tags/", "redis\neu"),
        ("interfaces/", "private/\npublic/"),
        ("interfaces/private/0/ipv4/address", "10.20.0.2"),
        ("interfaces/private/0/ipv4/netmask", "255.255.255.0"),
        ("interfaces/private/0/ipv4/gateway", "10.20.0.1"),
        ("interfaces/private/0/type", "private"),
        ("interfaces/public/0/ipv4/address", "203.0.113.2"),
        ("interfaces/public/0/ipv4/gateway", "203.0.113.1"),
        ("interfaces/public/0/anchor_ipv4/address", "10.18.0.5"),
        ("dns/nameservers", "67.207.67.3\n67.207.67.2"),
        ("interfaces/public/1", None),
        ("secrets", None),
        ("id/deeper", None),
    ],
)
def test_metadata_paths(path: str, text: str | None) -> None:
    content = metadata.document("pe-x", RECORD, "10.20.0.0/24")
    assert metadata.answer(content, f"/metadata/v1/{path}") == text


def test_metadata_in_one_piece() -> None:
    content = json.loads(metadata.answer(metadata.document("pe-x", RECORD, "10.20.0.0/24"), "/metadata/v1.json") or "")
    assert content["droplet_id"] == 4711
    assert content["interfaces"]["private"][0]["ipv4"]["ip_address"] == "10.20.0.2"
    assert content["interfaces"]["public"][0]["anchor_ipv4"]["ip_address"] == "10.18.0.5"
    assert content["tags"] == ["redis", "eu"]
    alone = metadata.document("pe-x", replace(RECORD, public_ip=None, anchor_ip=None), "10.20.0.0/24")
    assert "public" not in alone["interfaces"]


def test_a_droplet_is_told_by_its_address() -> None:
    state = replace(STATE, machines={"4711": RECORD})
    assert metadata.asker(state, "10.20.0.2") == metadata.asker(state, "203.0.113.2") == RECORD
    assert metadata.asker(state, "10.20.0.3") is None


def test_state_comes_back_as_it_was_saved_and_user_data_stays_out_of_it(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "machines")
    rule = FirewallRule("in", "tcp", (1, 2), ("10.0.0.0/8",), ("4711",), ("redis",))
    firewall = Firewall("f", "name", (rule, replace(rule, ports=None)), ("4711",), ())
    state = replace(STATE, machines={"4711": replace(RECORD, links_down=("public",))}, firewalls=(firewall,))
    store.disk("4711").mkdir(parents=True)
    store.user_data("4711").write_text(SPEC.user_data)
    store.save(state)
    assert store.load() == state
    assert "cloud-config" not in store.path.read_text()
    assert store.path.stat().st_mode & 0o077 == 0


def test_a_specification_hides_its_user_data() -> None:
    assert "cloud-config" not in repr(SPEC)


def test_a_damaged_state_says_what_to_do(tmp_path: Path) -> None:
    tmp_path.joinpath("state.json").write_text("{")
    with pytest.raises(EmulatorError, match="destroy"):
        StateStore(tmp_path).load()


def test_the_seed_is_for_root_only(tmp_path: Path) -> None:
    seed.write_seed(tmp_path, SPEC)
    folder = tmp_path / seed.SEED
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "user-data").stat().st_mode & 0o777 == 0o600
    meta = json.loads((folder / "meta-data").read_text())
    assert meta == {"instance-id": "4711", "local-hostname": "data-0", "public-keys": ["ssh-ed25519 AAAA me"]}
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o755


def test_unknown_images_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match=r"'ubuntu-24-04-x64'.*debian-12-x64, debian-13-x64"):
        images.ensure_image(tmp_path, "ubuntu-24-04-x64", print)


def test_a_changed_recipe_is_another_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = images.image_path(tmp_path, "debian-13-x64")
    recipe = images.IMAGES["debian-13-x64"]
    monkeypatch.setitem(images.IMAGES, "debian-13-x64", replace(recipe, repository=(*recipe.repository, "nano")))
    assert images.image_path(tmp_path, "debian-13-x64") != before


def test_a_build_without_room_fails_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100 * 1024**2))
    with pytest.raises(EmulatorError, match=r"needs 2048 MB .* 100 MB free.*PULUMI_EMULATOR_HOME"):
        images.ensure_image(tmp_path, "debian-13-x64", print)
    assert not list((tmp_path / "images").glob(".building*"))


def test_of_two_commands_one_builds_and_the_other_waits_and_says_so(tmp_path: Path) -> None:
    began, said = threading.Event(), threading.Event()
    built, told = [], []

    def build(folder: Path) -> None:
        built.append(folder)
        folder.mkdir()
        began.set()
        assert said.wait(30), "the other one waits"

    def report(text: str) -> None:
        told.append(text)
        said.set()

    target = tmp_path / "images" / "root"
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(images.ensure_root, target, build, print)
        assert began.wait(30)
        second = pool.submit(images.ensure_root, target, build, report)
        assert first.result() == second.result() == target
    assert (len(built), target.is_dir()) == (1, True)
    assert told == [f"another command builds images in {target.parent}: waiting for it"]


def test_remains_of_a_killed_build_are_removed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remains = tmp_path / "images/.building-debian-13-x64-old/etc"
    remains.mkdir(parents=True)

    def build(target: Path, _slug: str, _report: object) -> None:
        target.mkdir()

    monkeypatch.setattr(images, "_build", build)
    assert images.ensure_image(tmp_path, "debian-13-x64", print).is_dir()
    assert not remains.parent.exists()


def test_the_package_index_is_what_apt_reads(tmp_path: Path) -> None:
    control = tmp_path / "package/DEBIAN"
    control.mkdir(parents=True)
    control.joinpath("control").write_text(
        "Package: hello\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <n@example.org>\nDescription: hello\n world\n"
    )
    repository = tmp_path / "repository"
    repository.mkdir()
    subprocess.run(["dpkg-deb", "--build", str(tmp_path / "package"), str(repository)], check=True, capture_output=True)
    images.write_index(repository)
    text = (repository / "Packages").read_text()
    assert text.startswith("Package: hello\n")
    assert "\nFilename: ./hello_1.0_all.deb\n" in text
    assert gzip.decompress((repository / "Packages.gz").read_bytes()).decode() == text


def test_preflight_names_packages_and_remedies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(EmulatorError, match=r"root.*privileged container"):
        preflight.check(tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: None if name in {"nft", "systemd-nspawn"} else name)
    with pytest.raises(EmulatorError, match="apt-get install nftables systemd-container"):
        preflight.check(tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr(preflight, "KEYRING", tmp_path / "keyring")
    with pytest.raises(EmulatorError, match="apt-get install debian-archive-keyring"):
        preflight.check(tmp_path)
    tmp_path.joinpath("keyring").touch()
    with pytest.raises(EmulatorError, match="':'"):
        preflight.check(tmp_path / "a:b")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5 * 1024**2))
    with pytest.raises(EmulatorError, match="5 MB free"):
        preflight.check(tmp_path / "not/yet/there")


def test_limits_are_raised_never_lowered_and_a_host_that_forbids_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = tmp_path / "max_user_instances"
    monkeypatch.setattr(preflight, "INOTIFY_SETTING", setting)
    for before, after in (("128\n", "8192"), ("65536", "65536")):
        setting.write_text(before)
        preflight.ensure_limits()
        assert setting.read_text() == after
    setting.write_text("128")
    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(EmulatorError, match=r"sysctl -w fs\.inotify\.max_user_instances=8192"):
        preflight.ensure_limits()


def refuse(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_process_is_not_taken_for_a_later_one_with_its_pid() -> None:
    own = identify(1)
    assert own is not None
    assert alive(own)
    assert not alive(Process(own.pid, own.started + 1))
    assert not alive(None)
