"""The stack file's checks: every mistake is named with its key, its value (never a secret's) and what to do."""

import json
from pathlib import Path

import pytest
import yaml

import settings
from tools import settings_schema

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "settings.schema.json").read_text())
GOOD = {"region": "ams3", "vpc_ip_range": "10.20.0.0/24", "client_sources": ["10.20.0.0/24"]}

ELASTICACHE = {"region": "eu-central-1", "zones": ["eu-central-1a", "eu-central-1b"], "client_cidrs": ["10.60.0.0/20"]}


def parse(block: object, secret: bool = False, **scalars: str) -> dict[str, object]:
    raw = {
        "redis-ha:sentinel": json.dumps(block),
        "digitalocean:region": "ams3",
        **{f"redis-ha:{key}": value for key, value in scalars.items()},
    }
    return settings.parse(raw, frozenset(["redis-ha:sentinel"] if secret else []), SCHEMA)


def refused(*args: object, **kwargs: object) -> str:
    with pytest.raises(settings.SettingsError) as caught:
        parse(*args, **kwargs)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_good_block_is_taken_as_it_is() -> None:
    assert parse(GOOD, generate_ssh_key="true") == {"sentinel": GOOD, "generate_ssh_key": True}


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    assert refused({**GOOD, "replica": 2}) == "redis-ha:sentinel.replica: unknown key; did you mean 'replicas'?"


def test_an_unknown_block_names_the_nearest_known_one() -> None:
    assert refused(GOOD, sentinels="{}") == "redis-ha:sentinels: unknown key; did you mean 'redis-ha:sentinel'?"


def test_a_mistyped_value_names_key_and_value() -> None:
    message = refused({**GOOD, "replicas": "two"})
    assert message == "redis-ha:sentinel.replicas: 'two' is not allowed: must be of type integer"


def test_a_missing_key_is_named() -> None:
    assert "'region' is a required property" in refused({key: value for key, value in GOOD.items() if key != "region"})


def test_all_mistakes_are_told_at_once() -> None:
    assert len(refused({**GOOD, "replica": 2, "quorom": 2}, generate_ssh_key="perhaps").splitlines()) == 3


def test_a_password_in_plain_text_is_refused_and_not_shown() -> None:
    message = refused({**GOOD, "application_password": "hunter2hunter2"})
    assert "redis-ha:sentinel.application_password: a secret in plain text" in message
    assert "hunter2" not in message
    assert parse({**GOOD, "application_password": "hunter2hunter2"}, secret=True)


@pytest.mark.parametrize(
    ("key", "text", "secret", "says"),
    [
        (
            "elasticache",
            '{"users": ["app", "hunter2"]}',
            False,
            "elasticache.users: a list is not allowed: must be of type object",
        ),
        ("elasticache", '{"users": "hunter2"}', False, "elasticache.users: text is not allowed: must be of type object"),
        ("elasticache", '["hunter2"]', False, "elasticache: a list is not allowed: must be of type object"),
        ("elasticache", '{"users": {"app": "hunter2"}}', False, "elasticache.users.app: text is not allowed"),
        ("elasticache", '{"users": {"app": {"passwords": "hunter2"}}}', True, "users.app.passwords: must be of type array"),
        ("elasticache", '{"users": {"app": {"passwords": [{"hunter2": 1}]}}}', True, "passwords.0: must be of type string"),
        (
            "elasticache",
            '{"users": {"app": {"passwords": ["hunter2',
            False,
            "elasticache: the value is not a value of type object",
        ),
        ("elasticache", '{"zones": "hunter2"}', True, "elasticache.zones: the value is not allowed: must be of type array"),
        ("sentinel", '{"application_password": ["hunter2"]}', True, "application_password: must be of type string"),
        ("generate_ssh_key", "hunter2", True, "generate_ssh_key: the value is not a value of type boolean"),
        ("generate_ssh_key", '"hunter2"', True, "generate_ssh_key: the value is not allowed: must be of type boolean"),
    ],
)
def test_what_may_be_a_secret_in_the_wrong_shape_is_not_shown(key: str, text: str, says: str, *, secret: bool) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse({f"redis-ha:{key}": text}, frozenset([f"redis-ha:{key}"] if secret else []), SCHEMA)
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_nested_secret_in_plain_text_is_refused_and_not_shown() -> None:
    raw = {
        "redis-ha:elasticache": json.dumps(ELASTICACHE | {"users": {"application": {"passwords": ["hunter2hunter2hunter2"]}}})
    }
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse(raw, frozenset(), SCHEMA)
    assert "redis-ha:elasticache.users.application.passwords[0]: a secret in plain text" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert settings.parse(raw, frozenset(raw), SCHEMA)


def test_a_mistyped_password_is_not_shown() -> None:
    message = refused({**GOOD, "application_password": 31415926}, secret=True)
    assert "31415926" not in message


def test_the_published_schema_is_the_components_own() -> None:
    assert (ROOT / "settings.schema.json").read_text() == settings_schema.render()


@pytest.mark.parametrize("stack", ["local", "staging", "prod"])
def test_the_stack_files_are_valid(stack: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    assert settings.parse(raw, frozenset(), SCHEMA)["sentinel"]


def refused_block(key: str, block: object) -> str:
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse({f"redis-ha:{key}": json.dumps(block)}, frozenset(), SCHEMA)
    return str(caught.value)


def test_a_list_of_networks_names_the_entry() -> None:
    network = {"region": "eu-west-1", "zones": ["eu-west-1a", "eu-west-1b"], "ip_range": "10.61.0.0/20"}
    assert settings.parse({"redis-ha:secondary_networks": json.dumps([network])}, frozenset(), SCHEMA)
    message = refused_block("secondary_networks", [network, {**network, "zone": []}])
    assert message == "redis-ha:secondary_networks.1.zone: unknown key; did you mean 'zones'?"


def test_what_the_stack_fills_in_may_be_left_out_and_nothing_else() -> None:
    block = {"region": "eu-central-1", "names": {"app.prod.internal": {}}, "weights": {"blue": 100, "green": 0}}
    assert settings.parse({"redis-ha:weighted_blue_green": json.dumps(block)}, frozenset(), SCHEMA)
    assert "'weights' is a required property" in refused_block(
        "weighted_blue_green", {key: block[key] for key in ("region", "names")}
    )
    assert "'green' is a required property" in refused_block("weighted_blue_green", block | {"weights": {"blue": 1}})
    assert "'secondaries' is a required property" in refused_block("global_datastore", {"name_suffix": "prod"})


def test_a_secondary_has_no_key_for_what_it_inherits() -> None:
    secondary = {"zones": ["eu-west-1a", "eu-west-1b"], "engine_version": "8.1"}
    message = refused_block("global_datastore", {"secondaries": {"eu-west-1": secondary}})
    assert message.startswith("redis-ha:global_datastore.secondaries.eu-west-1.engine_version: unknown key")


def test_a_region_has_one_network() -> None:
    here = {"region": "eu-west-1"}
    settings._check_regions("prod", {"network": {"region": "eu-central-1"}, "secondary_networks": [here]})
    with pytest.raises(settings.SettingsError, match=r"secondary_networks\.1\.region: 'eu-west-1' has a network already"):
        settings._check_regions("prod", {"secondary_networks": [here, here]})


def test_one_key_takes_all_protection_off() -> None:
    values = {"protect": False, "sentinel": {"region": "ams3"}, "network": {}, "secondary_networks": [{"region": "eu-west-1"}]}
    found = settings._unprotected("prod", values)
    assert [found["sentinel"]["protect"], found["network"]["protect"], found["secondary_networks"][0]["protect"]] == [False] * 3
    assert "elasticache" not in found


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"sentinel": {"protect": True}}, "sentinel.protect"),
        ({"alb_blue_green": {"deletion_protection": True}}, "alb_blue_green.deletion_protection"),
        ({"global_datastore": {"primary": {"protect": True}}}, "global_datastore.primary.protect"),
        ({"secondary_networks": [{}, {"protect": True}]}, "secondary_networks.1.protect"),
    ],
)
def test_a_block_that_protects_by_itself_contradicts_it(block: dict[str, object], path: str) -> None:
    message = rf"stack 'prod': redis-ha:{path}: true, but redis-ha:protect is false; leave one of them out"
    with pytest.raises(settings.SettingsError, match=message):
        settings._unprotected("prod", {"protect": False, **block})
