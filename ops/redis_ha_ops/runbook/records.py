"""Where a run is written down so that another operator or process finds it: small texts under names, with versions."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from redis_ha_ops.cloud import Ask, CloudError
from redis_ha_ops.errors import OpsError

# botocore ssm, PutParameter, Value: 4 KB for standard parameters.
MOST_BYTES = 4096


@dataclass(frozen=True)
class Record:
    """A text, and the number of its version."""

    text: str
    version: int


class Records(Protocol):
    """Texts under names. Two operators may write at once: `create` and `replace` say who was first."""

    @property
    def where(self) -> str:
        """Where it is, for people."""

    def read(self, name: str) -> Record | None:
        """Return what is there; None: nothing."""

    def create(self, name: str, text: str) -> bool:
        """Write a text where none is; False when there is one already."""

    def replace(self, name: str, text: str, seen: int) -> bool:
        """Write a text in the place of the version `seen`; False when that is not the newest any more, which stays then."""

    def write(self, name: str, text: str) -> None:
        """Write a text, whatever is there."""

    def remove(self, name: str) -> None:
        """Take a text away; nothing happens when there is none."""


class SsmRecords:
    """SSM parameters under a path, of type String.

    PutParameter knows one condition: without Overwrite it is refused with ParameterAlreadyExists when there is one. It answers
    with the version that it made (botocore ssm, PutParameter): of several who replace version N, who made N+1 was first.
    """

    def __init__(self, calls: Ask, path: str, region: str) -> None:
        self.calls = calls
        self.path = path.rstrip("/")
        self.region = region

    @property
    def where(self) -> str:
        """The path."""
        return self.path

    def read(self, name: str) -> Record | None:
        """See Records."""
        return self._get(f"{self.path}/{name}")

    def create(self, name: str, text: str) -> bool:
        """See Records."""
        try:
            self._put(name, text, overwrite=False)
        except CloudError as error:
            if error.code == "ParameterAlreadyExists":
                return False
            raise
        return True

    def replace(self, name: str, text: str, seen: int) -> bool:
        """See Records. Who was later puts back what the first had written, however many were later."""
        version = self._put(name, text, overwrite=True)
        if version == seen + 1:
            return True
        first = self._get(f"{self.path}/{name}:{seen + 1}")
        if first is None and version > 1:  # it was deleted in between, and made again
            first = self._get(f"{self.path}/{name}:{version - 1}")
        if first is None:
            self.remove(name)
        else:
            self._put(name, first.text, overwrite=True)
        return False

    def write(self, name: str, text: str) -> None:
        """See Records."""
        self._put(name, text, overwrite=True)

    def remove(self, name: str) -> None:
        """See Records."""
        try:
            self.calls("ssm", "delete_parameter", {"Name": f"{self.path}/{name}"}, self.region)
        except CloudError as error:
            if error.code != "ParameterNotFound":
                raise

    def _get(self, name: str) -> Record | None:
        try:
            found = self.calls("ssm", "get_parameter", {"Name": name}, self.region)["Parameter"]
        except CloudError as error:
            if error.code in {"ParameterNotFound", "ParameterVersionNotFound"}:
                return None
            raise
        return Record(str(found["Value"]), int(found["Version"]))

    def _put(self, name: str, text: str, *, overwrite: bool) -> int:
        full = f"{self.path}/{name}"
        if len(text.encode()) > MOST_BYTES:
            raise OpsError(f"{full}: {len(text.encode())} bytes, and a parameter holds {MOST_BYTES}: ask for less in one run")
        given = {"Name": full, "Value": text, "Type": "String", "Overwrite": overwrite}
        return int(self.calls("ssm", "put_parameter", given, self.region)["Version"])


class FileRecords:
    """Files in a folder of this computer, for a stack without AWS: nobody on another computer sees them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.folder)

    def read(self, name: str) -> Record | None:
        """See Records."""
        if not self.folder.is_dir():  # a look makes no folder
            return None
        with self._alone():
            return self._get(name)

    def create(self, name: str, text: str) -> bool:
        """See Records."""
        with self._alone():
            if self._get(name) is not None:
                return False
            self._put(name, text, 1)
            return True

    def replace(self, name: str, text: str, seen: int) -> bool:
        """See Records."""
        with self._alone():
            found = self._get(name)
            if found is None or found.version != seen:
                return False
            self._put(name, text, seen + 1)
            return True

    def write(self, name: str, text: str) -> None:
        """See Records."""
        with self._alone():
            found = self._get(name)
            self._put(name, text, found.version + 1 if found else 1)

    def remove(self, name: str) -> None:
        """See Records."""
        with self._alone():
            self._path(name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".records").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # let go with the file, and with the process
            yield

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _get(self, name: str) -> Record | None:
        try:
            found = json.loads(self._path(name).read_text("utf-8"))
            return Record(str(found["text"]), int(found["version"]))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError):
            raise OpsError(f"{self._path(name)} is damaged: move it away when no run is under way") from None

    def _put(self, name: str, text: str, version: int) -> None:
        partial = self._path(name).with_suffix(".partial")
        partial.write_text(json.dumps({"version": version, "text": text}), "utf-8")
        partial.replace(self._path(name))
