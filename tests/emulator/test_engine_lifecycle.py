"""Programs without machines through the real engine: from up to destroy; secrets; killed commands; several at once."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.emulated import Emulated
from tests.support.waiting import wait_until

pytestmark = pytest.mark.engine
Make = Callable[..., Emulated]

PROGRAM = """
import pulumi, pulumi_digitalocean as do, pulumi_random as random, pulumi_tls as tls
password = random.RandomPassword("password", length={length}, min_upper=2)
key = tls.PrivateKey("key", algorithm="ED25519")
ssh_key = do.SshKey("ssh", name="{name}", public_key=key.public_key_openssh)
tag = do.Tag("tag")
pulumi.export("password", password.result)
pulumi.export("derived", pulumi.Output.concat("redis://", password.result, "@host"))
pulumi.export("private", key.private_key_pem)
pulumi.export("hash", password.bcrypt_hash)
pulumi.export("fingerprint", ssh_key.fingerprint)
pulumi.export("tag", tag.name)
"""


def program(length: int = 24, name: str = "one") -> str:
    return PROGRAM.format(length=length, name=name)


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_stack_lives_through_everything(emulated: Make) -> None:
    stack = emulated(program())
    before = tree(stack.program)
    preview = stack.run("preview", cold=True).stdout
    assert "create digitalocean.SshKey ssh" in preview
    assert not stack.folder.exists(), "a preview changes nothing"

    up = stack.run("up", cold=True).stdout
    assert re.search(r"4 create in \d", up)
    assert "created random.RandomPassword password" in up
    assert "no changes" in stack.run("preview --expect-no-changes").stdout
    first = stack.outputs()
    assert len(first["password"]) == 24
    assert re.fullmatch(r"tag-[0-9a-f]{7}", first["tag"])
    assert list(stack.world()["digitalocean:index/tag:Tag"]) == [first["tag"]]

    # In place: nothing but the name.
    stack.edit(program(name="two"))
    assert "update digitalocean.SshKey ssh (name)" in stack.run("preview").stdout
    stack.fails("preview --expect-no-changes")
    assert "1 update, 3 unchanged" in stack.run("up").stdout
    [key] = stack.world()["digitalocean:index/sshKey:SshKey"].values()
    assert key["name"] == "two"

    # A replacement: a new password, everything else as it was.
    stack.edit(program(length=30, name="two"))
    assert "replace random.RandomPassword password (length)" in stack.run("preview").stdout
    stack.run("up")
    second = stack.outputs()
    assert len(second["password"]) == 30
    assert {name for name in first if first[name] != second[name]} == {"password", "derived", "hash"}

    assert "no changes" in stack.run("refresh").stdout
    assert tree(stack.program) == before | {"__main__.py": tree(stack.program)["__main__.py"]}, (
        "the program's folder is only read"
    )
    assert "4 delete" in stack.run("destroy").stdout
    assert not stack.folder.exists()
    assert "nothing to destroy" in stack.run("destroy").stdout
    assert [*stack.home.glob("stacks/*")] == [], "no folder of the project, no lock"


def test_secrets_are_encrypted_in_the_state_and_shown_nowhere(emulated: Make) -> None:
    stack = emulated(program())
    said = [stack.run("preview"), stack.run("preview --diff"), stack.run("up")]
    outputs = stack.outputs()
    said += [
        stack.run(command)
        for command in ("output", "output --json", "output password", "status", "status --json", "preview --diff")
    ]
    stack.edit(program(length=25, name="two"))
    said += [stack.run(command) for command in ("preview --diff", "preview", "up", "refresh")]
    outputs_now = stack.outputs()
    secrets = [item[name] for item in (outputs, outputs_now) for name in ("password", "derived", "hash")]
    secrets += [line for line in outputs["private"].splitlines() if not line.startswith("-----")]
    assert secrets[0] != secrets[3]
    for result in said:
        for secret in secrets:
            assert secret not in result.stdout
            assert secret not in result.stderr
    assert "[secret]" in stack.run("output", cold=True).stdout
    files = [path for path in stack.folder.path.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        content = path.read_bytes()
        for secret in secrets:
            assert secret.encode() not in content, path
    assert "ciphertext" in stack.folder.state_file.read_text()
    assert stack.folder.path.stat().st_mode & 0o077 == 0
    assert (stack.folder.path / "passphrase").stat().st_mode & 0o077 == 0


def test_a_secret_input_stays_secret_in_the_state(emulated: Make) -> None:
    stack = emulated("""
import pulumi, pulumi_digitalocean as do
do.Tag("open", name="seen")
do.Project("p", name="p", description=pulumi.Output.secret("hidden-description"))
""")
    stack.run("up")
    [project] = [item for item in stack.state_resources() if item["type"].endswith(":Project")]
    assert "hidden-description" not in json.dumps(project)
    assert "ciphertext" in project["inputs"]["description"]
    assert "ciphertext" in project["outputs"]["description"]
    stack.run("refresh")
    assert "no changes" in stack.run("preview --expect-no-changes").stdout
    [project] = [item for item in stack.state_resources() if item["type"].endswith(":Project")]
    assert "hidden-description" not in json.dumps(project)


def test_what_a_preview_cannot_know_is_unknown_to_the_program(emulated: Make) -> None:
    stack = emulated("""
import pulumi, pulumi_digitalocean as do, pulumi_tls as tls
key = tls.PrivateKey("key", algorithm="ED25519")
seen = []
key.public_key_openssh.apply(seen.append)
ssh = do.SshKey("ssh", public_key=key.public_key_openssh)
ssh.fingerprint.apply(lambda value: open(__file__ + ".never") if pulumi.runtime.is_dry_run() else None)
""")
    stack.run("preview")
    stack.run("up")


def test_a_retained_resource_can_be_imported_and_read(emulated: Make) -> None:
    stack = emulated("""
import pulumi, pulumi_digitalocean as do
do.Tag("kept", name="kept", opts=pulumi.ResourceOptions(retain_on_delete=True))
""")
    stack.run("up")
    stack.edit("import pulumi\n")
    stack.run("up")
    assert list(stack.world()["digitalocean:index/tag:Tag"]) == ["kept"]
    stack.edit("""
import pulumi, pulumi_digitalocean as do
looked_up = do.Tag.get("looked-up", "kept")
pulumi.export("name", looked_up.name)
do.Tag("again", name="kept", opts=pulumi.ResourceOptions(import_="kept"))
""")
    assert "imported digitalocean.Tag again" in stack.run("up").stdout
    assert stack.outputs()["name"] == "kept"
    stack.edit("import pulumi_digitalocean as do\ndo.Tag.get('missing', 'missing')\n")
    assert "missing" in stack.fails("up")


PROTECTED = """
import pulumi, pulumi_digitalocean as do
do.Tag("free", name="free")
do.Tag("t", name="t", opts=pulumi.ResourceOptions(protect={protect}))
"""


def test_destroy_stops_at_what_is_protected_before_anything_is_deleted(emulated: Make) -> None:
    stack = emulated(PROTECTED.format(protect=True))
    stack.run("up")
    before = stack.state_resources()
    assert "stack 'dev' is protected, and nothing is deleted: by Pulumi: t;" in stack.fails("destroy")
    assert stack.state_resources() == before
    exported = json.loads(stack.run("export").stdout)["deployment"]["resources"]
    assert [item["urn"] for item in exported] == [item["urn"] for item in before]
    stack.edit(PROTECTED.format(protect=False))
    stack.run("up")
    stack.run("destroy")
    assert not stack.folder.exists()


def test_only_the_emulator_destroys_by_force(emulated: Make) -> None:
    stack = emulated(PROTECTED.format(protect=True))
    stack.run("up")
    stack.run("destroy", "--force")
    assert not stack.folder.exists()


TAGS = 40  # enough that an `up` still runs when a second command begins on a busy computer
CHAIN = """
import pulumi, pulumi_digitalocean as do
before = None
for number in range({count}):
    before = do.Tag(f"t{{number}}", opts=pulumi.ResourceOptions(depends_on=[before] if before else []))
"""


def test_two_stacks_at_once_and_one_stack_once(emulated: Make) -> None:
    stack = emulated(CHAIN.format(count=TAGS))
    other = Emulated(stack.program, stack.home, "other", stack.project)
    (stack.program / "Pulumi.other.yaml").write_text("config: {}\n")
    stack.run("preview")  # what commands are forked from has started then
    one, two = stack.start("up"), other.start("up")
    wait_until(lambda: stack.world().get("digitalocean:index/tag:Tag"), "the first tag")
    refused = stack.fails("up")
    assert re.search(rf"stack 'dev' is in use by `up` \(process {one.pid}\)", refused)
    stack.run("status")
    outputs = [process.communicate(timeout=120)[0] for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), outputs
    for finished in (stack, other):
        assert len(finished.world()["digitalocean:index/tag:Tag"]) == TAGS
    everything = json.loads(stack.run("status --json", cold=True).stdout)
    assert everything["resources"] == TAGS
    other.run("destroy")
    assert len(stack.world()["digitalocean:index/tag:Tag"]) == TAGS


def engines_of(stack: Emulated) -> list[int]:
    """Return the engine processes that work for a stack."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"PULUMI_EMULATOR_HELD_STACK={stack.folder.path}".encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def assert_whole(stack: Emulated, count: int) -> None:
    """The state, the cloud and the program agree, and nothing is left half done."""
    in_cloud = set(stack.world()["digitalocean:index/tag:Tag"])
    in_state = {item["id"] for item in stack.state_resources() if item["type"] == "digitalocean:index/tag:Tag"}
    assert in_cloud == in_state
    assert len(in_cloud) == count
    assert stack.status()["pending_operations"] == 0
    assert engines_of(stack) == []


@pytest.mark.parametrize("point", ["before the first", "in the middle", "right after"])
def test_a_killed_up_is_put_right_by_the_next(emulated: Make, point: str) -> None:
    count = 15
    stack = emulated(CHAIN.format(count=count))
    process = stack.start("up")
    assert process.stdout is not None
    if point == "before the first":
        wait_until(stack.folder.state_file.exists, "the engine's first state")
    elif point == "in the middle":
        wait_until(lambda: len(stack.world().get("digitalocean:index/tag:Tag", {})) >= 5, "five tags")
    else:
        wait_until(lambda: len(stack.world().get("digitalocean:index/tag:Tag", {})) == count, "all tags")
    process.kill()
    process.communicate(timeout=30)
    stack.run("up")
    assert_whole(stack, count)
    stack.run("preview --expect-no-changes")


def test_a_state_whose_writing_was_cut_off_is_put_right_by_the_next(emulated: Make) -> None:
    stack = emulated(CHAIN.format(count=3))
    stack.run("up")
    stack.folder.state_file.write_text("")
    stack.run("up")
    assert_whole(stack, 3)
    stack.run("preview --expect-no-changes")


def test_a_killed_destroy_is_finished_by_the_next(emulated: Make) -> None:
    stack = emulated(CHAIN.format(count=15))
    stack.run("up")
    process = stack.start("destroy")
    wait_until(lambda: len(stack.world()["digitalocean:index/tag:Tag"]) < 15, "the first deletion")
    process.kill()
    process.communicate(timeout=30)
    stack.run("destroy")
    assert not stack.folder.exists()
    assert engines_of(stack) == []


URN = "urn:pulumi:dev::tested::digitalocean:index/tag:Tag::half-made"


def test_what_a_killed_command_made_and_could_not_note_is_removed(emulated: Make) -> None:
    stack = emulated(CHAIN.format(count=2))
    stack.run("up")
    path = stack.folder.path / "world.json"
    world = json.loads(path.read_text())
    world["records"]["digitalocean:index/tag:Tag"]["forgotten"] = {"name": "forgotten"}
    world["unconfirmed"] = [["digitalocean:index/tag:Tag", "forgotten"]]
    path.write_text(json.dumps(world))
    locks = stack.folder.backend / ".pulumi" / "locks" / "organization" / stack.project / stack.stack
    locks.mkdir(parents=True, exist_ok=True)
    (locks / "stale.json").write_text("{}")
    content = json.loads(stack.folder.state_file.read_text())
    latest = content["checkpoint"]["latest"]
    half_made = next(item for item in latest["resources"] if item["type"] == "digitalocean:index/tag:Tag") | {
        "urn": URN,
        "id": "",
    }
    latest["pending_operations"] = [{"resource": half_made, "type": "creating"}]
    stack.folder.state_file.write_text(json.dumps(content))
    assert stack.status()["pending_operations"] == 1
    said = stack.run("up").stdout
    assert "an earlier command of this stack was ended from outside" in said
    assert "an earlier command was ended in the middle of 1 step(s)" in said
    assert "removed digitalocean.Tag forgotten" in said
    assert_whole(stack, 2)


@pytest.mark.parametrize("command", ["up", "destroy"])
def test_an_interrupted_command_says_what_to_run_next(emulated: Make, command: str) -> None:
    count = 40
    stack = emulated(CHAIN.format(count=count))
    if command == "destroy":
        stack.run("up")
    process = stack.start(command)

    def tags() -> int:
        return len(stack.world().get("digitalocean:index/tag:Tag", {}))

    wait_until(lambda: 0 < tags() < count, "the middle")
    process.send_signal(2)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 1, said
    assert "stopping after the steps that are under way" in said
    assert "the next `up` goes on from there, `destroy` removes everything" in said
    assert "Traceback" not in said
    if command == "up":
        assert 0 < tags() < count
    stack.run("up")
    assert_whole(stack, count)


def test_the_programs_git_status_stays_clean(emulated: Make) -> None:
    stack = emulated("import helper, pulumi\npulumi.export('x', helper.X)\n", files={"helper.py": "X = 1\n"})
    git = ["git", "-C", str(stack.program), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    for command in ("preview", "up", "refresh", "destroy"):
        stack.run(command)
    status = subprocess.run([*git, "status", "--porcelain", "--ignored"], check=True, capture_output=True, text=True)
    assert status.stdout == ""


def test_the_programs_modules_are_read_anew_for_each_run(emulated: Make) -> None:
    # `up` runs the program twice in one process (check and up): a module's own state must not outlive the first run.
    stack = emulated(
        "import counter, pulumi\ncounter.SEEN.append(1)\npulumi.export('runs', len(counter.SEEN))\n",
        files={"counter.py": "SEEN = []\n"},
    )
    stack.run("up")
    assert stack.outputs()["runs"] == 1


def link_to_itself(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda file: file.unlink(), "is gone"),
        (lambda file: file.write_text("\n"), "is empty"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "is no text file"),
        (lambda file: file.write_text("another"), "is not the one it was made with"),
        (link_to_itself, "cannot be read (Too many levels of symbolic links)"),
    ],
)
def test_a_lost_passphrase_is_named_with_its_file_and_destroy_needs_none(
    emulated: Make, change: Callable[[Path], object], says: str
) -> None:
    stack = emulated(program())
    stack.run("up")
    file = stack.folder.passphrase_file
    right = file.read_text()
    change(file)
    for command in ("preview", "up", "refresh", "output --show-secrets"):
        assert stack.fails(command) == (
            f"{file}, the passphrase of stack 'dev', {says}; put it back as it was, "
            "or run `destroy --stack dev`, which needs none, and bring the stack up again"
        )
    file.unlink(missing_ok=True)
    file.write_text(f"{right}\n")  # as an editor writes it
    stack.run("preview --expect-no-changes")
    change(file)
    said = stack.run("destroy").stdout
    assert f"{says}: everything of the stack is removed as it is, without the engine" in said
    assert not stack.folder.exists()
    stack.run("up")


def test_a_preview_that_lost_its_passphrase_begins_anew(emulated: Make) -> None:
    stack = emulated(program())
    stack.run("preview")
    [file] = stack.home.glob("previews/stacks/*/*/passphrase")
    file.write_text("another")
    assert "4 create" in stack.run("preview").stdout
    assert "nothing to destroy; what its previews kept is removed" in stack.run("destroy").stdout
    assert [*stack.home.glob("previews/stacks/*"), *stack.home.glob("stacks/*")] == []


def test_what_is_protected_stays_when_the_passphrase_is_lost(emulated: Make) -> None:
    stack = emulated("import pulumi, pulumi_digitalocean as do\ndo.Tag('kept', opts=pulumi.ResourceOptions(protect=True))")
    stack.run("up")
    stack.folder.passphrase_file.unlink()
    assert "is protected, and nothing is deleted: by Pulumi: kept" in stack.fails("destroy")
    assert stack.folder.exists()
    assert "removed as it is" in stack.run("destroy --force").stdout
