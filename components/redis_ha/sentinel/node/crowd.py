"""Tells when applications hold nearly all the connections that a node lets them have; the kernel refuses what comes beyond."""

# The share of the connections from which on somebody is told, and below which he is told that it is over.
CROWDED, ROOMY = 0.8, 0.7


def is_crowded(held: int, allowed: int, *, already: bool) -> bool:
    """Decide whether a node's connections run out; one that was crowded is so until there is clearly room again."""
    return held >= (ROOMY if already else CROWDED) * allowed


class Crowd:
    """The connections of one node, as its INFO tells of them."""

    def __init__(self, allowed: int) -> None:
        """Begin; `allowed` is how many connections applications may hold."""
        self._allowed = allowed
        self._crowded = False

    def look(self, fields: dict[str, str]) -> None:
        """Print a line when few connections are left, and when there are enough again."""
        held = int(fields.get("connected_clients", "0"))
        crowded = is_crowded(held, self._allowed, already=self._crowded)
        if crowded != self._crowded:
            self._crowded = crowded
            words = "few connections are left" if crowded else "enough connections again"
            print(f"{words}: {held} of {self._allowed}", flush=True)
