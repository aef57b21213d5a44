"""Why the build of an image failed: logs that mmdebstrap wrote on Debian 12 and 13, shortened, and one real failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines.build_log import why_it_failed
from pulumi_emulator.machines.images import bootstrap

UPDATE_FAILED = """\
E: apt-get update --error-on=any -oAPT::Status-Fd=<$fd> -oDpkg::Use-Pty=false failed
I: main() received signal PIPE: waiting for setup...
E: mmdebstrap failed to run
"""
UNKNOWN_SUITE = """\
I: running apt-get update...
Err:2 http://archive.example/debian nosuch Release
  404  Not Found [IP: 203.0.113.80 80]
Reading package lists...
E: The repository 'http://archive.example/debian nosuch Release' does not have a Release file.
"""
UNKNOWN_PACKAGE = """\
I: installing remaining packages inside the chroot...
E: Unable to locate package nosuchpackage
E: setup failed: E: apt-get -o Dir::Bin::dpkg=env -o DPkg::Options::=dpkg --yes install nosuchpackage failed
I: main() received signal PIPE: waiting for setup...
E: mmdebstrap failed to run
"""
FULL_WHILE_DOWNLOADING = """\
Err:4 http://archive.example/debian trixie/main amd64 Packages
  Write error - write (28: No space left on device)
E: Failed to fetch http://archive.example/debian/Pack  Write error - write (28: No space left on device)
E: Some index files failed to download. They have been ignored, or old ones used instead.
"""
FULL_WHILE_UNPACKING = """\
tar: ./usr/share/man/man1/dpkg.1.gz: Cannot write: No space left on device
tar: Exiting with failure status due to previous errors
E: tar --extract failed: 512
I: main() received signal PIPE: waiting for setup...
E: mmdebstrap failed to run
"""
NO_KEY = """\
W: GPG error: http://archive.example/debian trixie InRelease: not verified: NO_PUBKEY 6ED0
E: The repository 'http://archive.example/debian trixie InRelease' is not signed.
"""
NOT_RESOLVED = """\
Ign:1 http://archive.example/debian trixie InRelease
Err:1 http://archive.example/debian trixie InRelease
  Could not resolve 'archive.example'
E: Failed to fetch http://archive.example/debian/InRelease  Could not resolve 'archive.example'
E: Some index files failed to download. They have been ignored, or old ones used instead.
"""


ROOM = ": make room in /srv/images, or set PULUMI_EMULATOR_HOME to a larger disk"
UNSIGNED = "E: The repository 'http://archive.example/debian trixie InRelease' is not signed."


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (UNKNOWN_SUITE, "E: The repository 'http://archive.example/debian nosuch Release' does not have a Release file."),
        (UNKNOWN_PACKAGE, "E: Unable to locate package nosuchpackage"),
        (
            FULL_WHILE_DOWNLOADING,
            f"E: Failed to fetch http://archive.example/debian/Pack  Write error - write (28: No space left on device){ROOM}",
        ),
        (FULL_WHILE_UNPACKING, f"tar: ./usr/share/man/man1/dpkg.1.gz: Cannot write: No space left on device{ROOM}"),
        (
            NO_KEY,
            (
                "W: GPG error: http://archive.example/debian trixie InRelease: not verified: NO_PUBKEY 6ED0; "
                f"{UNSIGNED}: install a newer debian-archive-keyring"
            ),
        ),
        (
            NOT_RESOLVED,
            (
                "E: Failed to fetch http://archive.example/debian/InRelease  Could not resolve 'archive.example': "
                "is Debian's archive reachable?"
            ),
        ),
        ("unshare: unshare failed: Operation not permitted\n", "unshare: unshare failed: Operation not permitted"),
        ("", "status 25"),
    ],
)
def test_the_lines_that_tell_the_cause_are_shown_and_the_archive_is_blamed_for_downloads_only(log: str, why: str) -> None:
    assert why_it_failed(log + (UPDATE_FAILED if "E: " in log else ""), 25, Path("/srv/images")) == why


@pytest.mark.machines
@pytest.mark.parametrize(
    ("suite", "option", "says"),
    [
        ("trixie", '--aptopt=Acquire::http::Proxy "http://127.0.0.1:9"', "127.0.0.1:9.*: is Debian's archive reachable"),
        ("trixie", "--format=nosuch", "E: invalid format"),
    ],
)
def test_a_build_that_fails_says_so_with_its_log(tmp_path: Path, suite: str, option: str, says: str) -> None:
    with pytest.raises(EmulatorError, match=f"building image tested failed: .*{says}.*The full log is {tmp_path}/tested.log"):
        bootstrap(tmp_path / "root", "tested", suite, ["apt"], [option])
