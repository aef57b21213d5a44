"""What an emulated command keeps of its caller's environment."""

from pulumi_emulator.environment import BLINDFOLD, scrubbed


def test_what_could_lead_to_a_cloud_is_dropped_and_what_a_command_needs_is_kept() -> None:
    kept = {"LANG": "C", "LC_ALL": "C.UTF-8", "PULUMI_SKIP_CHECKPOINTS": "true", "PATH": "/usr/bin"}
    dropped = {"AWS_PROFILE": "prod", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "PULUMI_ACCESS_TOKEN": "t", "HTTPS_PROXY": "p"}
    assert scrubbed(kept | dropped | {"DIGITALOCEAN_TOKEN": "real"}) == kept | BLINDFOLD
