"""Which Sentinel to ask next, and what they answered: plain decisions, shared by the sync and the asyncio client."""

import random
from dataclasses import dataclass, field

from redis import exceptions
from redis.sentinel import MasterNotFoundError

from .errors import CertificateError

Address = tuple[str, int]
_FINAL = (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError, CertificateError)


@dataclass
class SentinelOrder:
    """The order in which Sentinels are asked.

    Shuffled per client, so that a thousand clients do not all ask the first Sentinel of the list. One that answers stays in
    front; one that named a master that was none (a partition's stale view) goes behind the others; one that did not answer
    goes last, so that a dead Sentinel costs its time-out once and not at every look-up.

    A master that executes nothing may be a former one, cut off together with the Sentinel that named it: that Sentinel would
    name it for the whole cut. The next look-up then asks for a majority's word (`Poll`).
    """

    sentinels: tuple[Address, ...]
    _order: tuple[Address, ...] = ()
    _silent: frozenset[Address] = frozenset()
    _refusing: Address | None = None

    def __post_init__(self) -> None:
        shuffled = list(self.sentinels)
        random.shuffle(shuffled)
        self._order = tuple(shuffled)

    # Threads of one client share this object: each method reads the fields once and replaces them whole.
    def to_ask(self) -> tuple[Address, ...]:
        """Return all Sentinels, best first; those that did not answer lately come last."""
        order, silent = self._order, self._silent
        return (*(one for one in order if one not in silent), *(one for one in order if one in silent))

    def answering(self) -> tuple[Address, ...]:
        """Return those that answered when they were last asked, best first."""
        silent = self._silent
        return tuple(one for one in self._order if one not in silent)

    def silent(self, sentinel: Address) -> None:
        """Ask `sentinel` last: it gave no usable answer."""
        self._silent = self._silent | {sentinel}

    def refused(self, sentinel: Address, master: Address) -> None:
        """Ask for a majority's word the next time: the master that `sentinel` named refuses what it is there for."""
        self.doubted(sentinel)
        self._refusing = master

    def poll(self) -> "Poll":
        """Return whose word counts in the next look-up: any Sentinel's, or a majority's after a refusal."""
        refusing, self._refusing = self._refusing, None
        needed = 1 if refusing is None else len(self.sentinels) // 2 + 1
        return Poll(needed, refusing)

    def doubted(self, sentinel: Address) -> None:
        """Ask the others first: what `sentinel` said did not hold."""
        order = self._order
        self._order = (*(one for one in order if one != sentinel), sentinel)

    def spoke(self, sentinel: Address) -> None:
        """Note that `sentinel` gave an answer."""
        self._silent = self._silent - {sentinel}

    def answered(self, sentinel: Address) -> None:
        """Ask `sentinel` first: what it named is dialled."""
        order = self._order
        self._order = (sentinel, *(one for one in order if one != sentinel))
        self.spoke(sentinel)


@dataclass
class Poll:
    """What the Sentinels of one look-up named, and which of it counts.

    GET-MASTER-ADDR-BY-NAME tells no config epoch, and a client's user may ask for nothing else. But a majority of the Sentinels
    has to agree before a master is replaced (redis/redis src/sentinel.c sentinelGetLeader), so what a majority names is newer
    than what a minority holds on to.
    """

    needed: int  # how many have to name the same master
    refusing: Address | None = None  # the master that executes nothing
    _named: dict[Address, list[Address]] = field(default_factory=dict)  # master -> the Sentinels that named it

    def heard(self, sentinel: Address, master: Address) -> bool:
        """Take note of an answer; tell whether the others need not be asked."""
        named = self._named.setdefault(master, [])
        named.append(sentinel)
        return len(named) >= self.needed

    def elected(self) -> tuple[Address, Address] | None:
        """Return the master that most named, and who did; among equals rather another than the one that refuses."""
        if not self._named:
            return None
        master = max(self._named, key=lambda one: (len(self._named[one]), one != self.refusing))
        return master, self._named[master][0]


@dataclass
class Answers:
    """What the Sentinels said in one look-up, for the error that names each one's cause."""

    master_name: str
    causes: list[str] = field(default_factory=list)
    final: Exception | None = None
    spoke: bool = False

    def failed(self, sentinel: Address, error: Exception) -> None:
        """Note why `sentinel` named no master."""
        text = f"{sentinel[0]}:{sentinel[1]} {str(error) or type(error).__name__}"
        if isinstance(error, _FINAL):
            self.final = error
        self.causes.append(text)

    def unknown(self, sentinel: Address) -> None:
        """Note that `sentinel` watches no master of this name."""
        self.spoke = True
        self.causes.append(f"{sentinel[0]}:{sentinel[1]} watches no master {self.master_name!r}")

    def skipped(self, sentinel: Address) -> None:
        """Note that no time was left to ask `sentinel`."""
        self.causes.append(f"{sentinel[0]}:{sentinel[1]} not asked, no time left")

    def error(self, username: str | None) -> Exception:
        """Build the error of a look-up that found nothing; time heals it unless no Sentinel spoke and one refused us."""
        told = "; ".join(self.causes)
        if isinstance(self.final, CertificateError) and not self.spoke:
            return CertificateError(f"Sentinels cannot be trusted: {told}")
        if self.final and not self.spoke:
            return exceptions.AuthenticationError(
                f"Sentinels refuse user {username!r}: {told}. "
                "Take `credentials` from the stack's outputs again (sentinel_username, sentinel_password)"
            )
        return MasterNotFoundError(f"no Sentinel named the master {self.master_name!r}: {told}")


def parse_address(answer: object) -> Address | None:
    """Read the answer of SENTINEL GET-MASTER-ADDR-BY-NAME: [ip, port], or nil for a name that it does not watch."""
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return None
    host, port = (part.decode() if isinstance(part, bytes) else str(part) for part in answer)
    return host, int(port)


def role_of(answer: object) -> str:
    """Read the first word of ROLE's answer: master, slave, sentinel."""
    word = answer[0] if isinstance(answer, list | tuple) and answer else answer
    return word.decode() if isinstance(word, bytes) else str(word)
