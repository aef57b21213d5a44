"""What is refused, in one line, before anything is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.emulated import Emulated

pytestmark = pytest.mark.engine
Make = Callable[..., Emulated]
NOBODY = 65534


def refused(stack: Emulated, command: str = "up") -> str:
    """Run a command that must be refused; nothing may have been made."""
    said = stack.fails(command)
    assert not any(stack.world().values())
    assert [item["type"] for item in stack.state_resources() if item.get("custom") and "providers" not in item["type"]] == []
    return said


def test_types_and_packages_that_are_not_emulated(emulated: Make) -> None:
    stack = emulated("import pulumi_digitalocean as do\ndo.Tag('t')\ndo.Domain('d', name='example.com')\n")
    said = refused(stack)
    assert "d: resource type digitalocean:index/domain:Domain is not emulated; emulated types of digitalocean: " in said
    assert "digitalocean:index/droplet:Droplet" in said
    stack.edit("import pulumi\npulumi.CustomResource('gcp:redis/instance:Instance', 'b', {})\n")
    assert "package 'gcp' is not emulated: the emulator has aws, digitalocean, random, tls" in refused(stack)
    stack.edit("import pulumi_digitalocean as do\ndo.get_region(slug='ams3')\n")
    assert "function digitalocean:index/getRegion:getRegion is not emulated" in refused(stack)


def test_bad_properties_are_found_before_anything_is_made(emulated: Make) -> None:
    stack = emulated("""
import pulumi, pulumi_digitalocean as do, pulumi_random as random
tag = do.Tag("t")
password = random.RandomPassword("p", length=9)
later = pulumi.ResourceOptions(depends_on=[tag, password])
do.Droplet("d", image="debian-13-x64", size="tiny", region="mars1", user_data=password.result, opts=later)
""")
    lines = refused(stack).splitlines()
    assert len(lines) == 2
    assert "d: region: 'mars1' is not a known region; known: nyc1, " in lines[0]
    assert "d: size: 'tiny' does not match" in lines[1]
    stack.edit("import pulumi\npulumi.CustomResource('digitalocean:index/tag:Tag', 'u', {'nmae': 'x'})\n")
    assert refused(stack) == "u: nmae: unknown property 'nmae'; did you mean 'name'?"
    stack.edit("import pulumi_digitalocean as do\ndo.Droplet('d', image='ubuntu-24-04-x64', size='s-1vcpu-1gb')\n")
    said = refused(stack, "preview")
    assert "d: image: 'ubuntu-24-04-x64' is not an image that can be booted here; known: debian-12-x64, debian-13-x64" in said


def test_a_failed_create_leaves_nothing_behind(emulated: Make) -> None:
    # What only the cloud can know is found while creating.
    stack = emulated("""
import pulumi, pulumi_digitalocean as do
do.Firewall("f", tags=["nowhere"], inbound_rules=[do.FirewallInboundRuleArgs(protocol="icmp")])
""")
    assert "f: firewall 'f-" in stack.fails("up")
    assert not any(stack.world().values())
    tags = "digitalocean:index/tag:Tag"
    world = {"next_id": 1, "unconfirmed": [[tags, "t"]], "records": {tags: {"t": {"name": "t"}}}}
    (stack.folder.path / "world.json").write_text(json.dumps(world))
    stack.edit("import pulumi\n")
    assert "removed digitalocean.Tag t" in stack.run("preview").stdout
    assert not any(stack.world().values())


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            "import pulumi\nraise pulumi.InputPropertyError('sentinel_count', 'must be odd, got 4')\n",
            "sentinel_count: must be odd, got 4",
        ),
        ("import pulumi\npulumi.Config().require('size')\n", "Missing required configuration variable 'tested:size'"),
        (
            "class SettingsError(Exception): pass\nraise SettingsError('size: too small\\ncolour: unknown')\n",
            "size: too small\ncolour: unknown",
        ),
        ("def f():\n    return {}['x']\nf()\n", "KeyError: 'x' (__main__.py line 2)"),
        ("import sys\nsys.exit('give a name')\n", "give a name"),
        ("import pulumi_digitalocean as do, pulumi\nt = do.Tag('t')\nt.name.apply(lambda n: 1 / 0)\n", "division by zero"),
    ],
)
def test_a_programs_own_words_are_the_error(emulated: Make, program: str, words: str) -> None:
    assert words in emulated(program).fails("preview")


def test_files_that_are_missing_or_wrong(emulated: Make) -> None:
    stack = emulated("import pulumi\n")
    other = Emulated(stack.program, stack.home, "nope", stack.project)
    assert "there is no stack 'nope'; stacks here: dev" in other.fails("up")
    assert "there is no emulated stack 'nope'" in other.fails("refresh") or "there is no stack 'nope'" in other.fails("refresh")
    assert "bring it up with `up --stack nope`" in other.fails("output")
    for name in ("../x", "a b", ""):
        assert "stack name" in Emulated(stack.program, stack.home, name, stack.project).fails("preview")
    (stack.program / "Pulumi.dev.yaml").write_text("config: [\n")
    assert "Pulumi.dev.yaml line 2 is not YAML" in stack.fails("preview")
    (stack.program / "Pulumi.yaml").write_text("name: tested\nruntime: nodejs\n")
    assert "runtime 'nodejs' is not supported" in stack.fails("preview")
    (stack.program / "__main__.py").unlink()
    (stack.program / "Pulumi.yaml").write_text("name: tested\nruntime: python\n")
    assert "__main__.py does not exist" in stack.fails("preview")
    (stack.program / "Pulumi.yaml").unlink()
    assert "Pulumi.yaml does not exist: give the program's folder with --program" in stack.fails("preview")
    stack.run("explode", expect=2)


CONFIGURED = """
import pulumi
config = pulumi.Config()
pulumi.export("plain", config.require("plain"))
pulumi.export("password", config.require("password"))
pulumi.export("nested", config.require_secret_object("nested"))
pulumi.export("token", pulumi.Config("digitalocean").require("token"))
"""
SECURE = """
encryptionsalt: v1:nothing:of:ours
config:
  digitalocean:token: {secure: v1:abc}
  tested:plain: hello
  tested:password: {secure: v1:abc}
  tested:nested: {user: u, password: {secure: v1:abc}}
"""


def test_encrypted_configuration_needs_a_stand_in_which_stays_in_memory(emulated: Make) -> None:
    stack = emulated(CONFIGURED, config=SECURE)
    (stack.program / "Pulumi.yaml").write_text(
        "name: tested\nruntime: python\nconfig: {plain: {type: string}, password: {type: string, secret: true}}\n"
    )
    said = refused(stack)
    assert "Pulumi.dev.yaml: tested:password is encrypted (`secure:`) and cannot be read here" in said
    assert "Pulumi.dev.emulated.yaml" in said
    overlay = stack.program / "Pulumi.dev.emulated.yaml"
    overlay.write_text("config:\n  password: stand-in-one\n")
    assert "tested:nested.password is encrypted" in refused(stack)
    overlay.write_text("config:\n  password: stand-in-one\n  nested: {user: u, password: stand-in-two}\n")
    up = stack.run("up")
    outputs = stack.outputs()
    assert outputs == {
        "plain": "hello",
        "password": "stand-in-one",
        "nested": {"user": "u", "password": "stand-in-two"},
        "token": "emulated",
    }
    for path in stack.folder.path.rglob("*"):
        if path.is_file() and "stand-in-two" in path.read_text(errors="replace"):
            pytest.fail(f"{path} holds a secret configuration value")
    assert "stand-in-two" not in up.stdout + up.stderr


def test_the_callers_credentials_reach_neither_program_nor_engine(emulated: Make) -> None:
    stack = emulated("import os, pulumi\npulumi.export('environment', dict(os.environ))\n")
    given = {
        "AWS_SECRET_ACCESS_KEY": "real",
        "DIGITALOCEAN_TOKEN": "real",
        "SPACES_SECRET_ACCESS_KEY": "real",
        "PULUMI_ACCESS_TOKEN": "real",
        "PULUMI_BACKEND_URL": "s3://real",
        "PULUMI_CONFIG": '{"tested:x": "real"}',
        "GITHUB_TOKEN": "real",
        "HTTPS_PROXY": "real",
    }
    stack.environment |= given
    stack.run("up", cold=True)
    seen = stack.outputs()["environment"]
    assert seen["DIGITALOCEAN_TOKEN"] == "emulated"
    assert set(seen) & set(given) == {"DIGITALOCEAN_TOKEN"}
    assert "real" not in seen.values()


def test_no_engine_and_a_wrong_one(emulated: Make) -> None:
    stack = emulated("import pulumi\n")
    bin_folder = stack.program / "fake-bin"
    bin_folder.mkdir()
    fake = bin_folder / "pulumi"
    fake.write_text("#!/bin/sh\necho v3.1.0\n")
    fake.chmod(0o755)
    stack.environment["PATH"] = f"{bin_folder}:{os.environ['PATH']}"
    result = stack.run("preview", cold=True)
    assert f"note: {fake} (v3.1.0) is passed over: at least v3.253.0 is needed" in result.stderr
    engine = stack.home / "engine"
    engine.unlink()
    assert "run `make setup`" in stack.fails("preview")
    (engine / "v3.253.0" / "bin").mkdir(parents=True)
    shutil.copy(fake, engine / "v3.253.0" / "bin" / "pulumi")
    said = stack.fails("preview")
    assert "is v3.1.0, not v3.253.0 as its folder says" in said
    assert "run `make setup`" in said
    fake.write_text("#!/bin/sh\nexit 3\n")
    shutil.copy(fake, engine / "v3.253.0" / "bin" / "pulumi")
    assert "does not run" in stack.fails("preview")


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else needs root")
def test_without_root_a_preview_works_and_machines_are_refused(emulated: Make) -> None:
    stack = emulated("""
import pulumi_digitalocean as do, pulumi_random as random
random.RandomPassword("p", length=9)
do.Droplet("d", image="debian-13-x64", size="s-1vcpu-1gb", region="ams3")
""")
    for path in (stack.home, stack.program):
        subprocess.run(["chown", "-RP", str(NOBODY), str(path)], check=True)
    # Reading is allowed (the interpreter may lie in root's own folder), nothing else that root may.
    as_nobody = [
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=+dac_read_search",
        "--bounding-set=-all,+dac_read_search",
    ]

    def run(command: str) -> subprocess.CompletedProcess[str]:
        argv = [*as_nobody, sys.executable, "-m", "pulumi_emulator", command, "--stack", "dev", "--program", str(stack.program)]
        environment = {**os.environ, "PULUMI_EMULATOR_HOME": str(stack.home), "HOME": str(stack.home)}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)

    preview = run("preview")
    assert preview.returncode == 0, preview.stderr
    assert "create digitalocean.Droplet d" in preview.stdout
    up = run("up")
    assert up.returncode == 1
    assert len(up.stderr.splitlines()) == 1
    assert up.stderr.startswith("error: ")
    assert "root" in up.stderr
    assert not any(stack.world().values())
    (stack.program / "__main__.py").write_text("import pulumi_random as random\nrandom.RandomPassword('p', length=9)\n")
    up = run("up")
    assert up.returncode == 0, up.stderr
    destroyed = run("destroy")
    assert destroyed.returncode == 0, destroyed.stderr
