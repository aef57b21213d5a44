"""Access strings: the form that is sent is the one that comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_emulator.aws.elasticache.access_strings import check_access
from pulumi_emulator.aws.elasticache.faults import Fault
from redis_ha.elasticache.access_rules import APPLICATION_ACCESS, LOCKED_ACCESS, MONITORING_ACCESS
from redis_ha.elasticache.access_strings import unreachable_pattern, written_access

WRITTEN = {
    "on allkeys allcommands": "on ~* +@all",
    "off  nocommands allchannels resetkeys": "off &* -@all",
    "on -@all +@read ~b ~a &c %R~d": "on ~b ~a %R~d &c -@all +@read",
    "on (allkeys +@read) ~a": "on (allkeys +@read) ~a",
    # Without a word about all, a new user may run nothing.
    "off +get ~keys*": "off ~keys* -@all +get",
    "on": "on -@all",
    # What a later rule undoes is in no description.
    "on ~* -@all +@read +@all -@admin": "on ~* +@all -@admin",
    "on ~* +@read -@all": "on ~* -@all",
    "on ~* +@all nocommands +@write": "on ~* -@all +@write",
    "on +@read -get +@read": "on -@all +@read",
    "on +get -get": "on -@all",
    "off on ~a ~a ~b": "on ~a ~b -@all",
    "on ~a resetkeys ~b": "on ~b -@all",
    "on ~a %R~b allkeys": "on ~* -@all",
    "on &a resetchannels &b": "on resetchannels &b -@all",
    "on resetchannels allchannels": "on &* -@all",
    "on ~* +@all +@read +get -set": "on ~* +@all -set",
    "on -@all -config|get -@admin +@read -get": "on -@all +@read -get",
    "on +GET +@READ +CONFIG|GET": "on -@all +get +@read +config|get",
    **{text: text for text in (APPLICATION_ACCESS, MONITORING_ACCESS, LOCKED_ACCESS)},
}
RULES = (
    *("on", "off", "~*", "~a", "~B", "%R~c", "resetkeys", "allkeys", "&*", "&d", "resetchannels", "allchannels"),
    *("+@all", "-@all", "allcommands", "nocommands", "+@read", "-@read", "+@WRITE", "+get", "-get", "+SET", "-config|get"),
)


@pytest.mark.parametrize(("text", "written"), WRITTEN.items())
def test_an_access_string_is_written_as_a_server_describes_the_user(text: str, written: str) -> None:
    assert written_access(text) == written


@given(st.lists(st.sampled_from(RULES), max_size=8))
def test_what_is_sent_comes_back_unchanged(rules: list[str]) -> None:
    """From the emulated AWS, which describes a user by code of its own; and in the same words whatever came in."""
    text = " ".join(["on", *rules])
    if unreachable_pattern(text) is None:
        assert check_access(written_access(text)) == written_access(text) == check_access(text)
        assert written_access(written_access(text)) == written_access(text)
    else:
        with pytest.raises(Fault, match="behind the pattern for all"):
            check_access(text)
