"""Which of a name's addresses is dialled first: decided without servers."""

import copy
import pickle

from redis_ha_client.addresses import REMEMBERED_SECONDS, Addresses, Place

A, B, C = ("10.0.0.1", 6379), ("10.0.0.2", 6379), ("10.0.0.3", 6379)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def order(addresses: Addresses, *found: Place) -> list[Place]:
    return addresses.best_first(found, lambda place: place)


def test_without_failures_the_resolver_says_the_order() -> None:
    assert order(Addresses(), B, A, C) == [B, A, C]


def test_what_failed_comes_last_the_longest_ago_first() -> None:
    clock = Clock()
    addresses = Addresses(clock)
    addresses.failed(B)
    clock.now += 1
    addresses.failed(A)
    assert order(addresses, A, B, C) == [C, B, A]
    clock.now += 1
    addresses.failed(B)
    assert order(addresses, B, C, A) == [C, A, B]


def test_a_port_is_an_address_of_its_own() -> None:
    addresses = Addresses(Clock())
    addresses.failed(A)
    assert order(addresses, A, (A[0], 26379)) == [(A[0], 26379), A]


def test_a_failure_is_forgotten_so_that_a_node_that_is_back_gets_its_share() -> None:
    clock = Clock()
    addresses = Addresses(clock)
    addresses.failed(A)
    clock.now += REMEMBERED_SECONDS - 0.1
    assert order(addresses, A, B) == [B, A]
    addresses.failed(B)
    clock.now += 0.1
    assert order(addresses, B, A) == [A, B]
    addresses.failed(C)  # also what is forgotten takes no place
    assert A not in vars(addresses)["_failed"]


def test_another_process_begins_without_memory() -> None:
    addresses = Addresses()
    addresses.failed(A)
    for other in (copy.deepcopy(addresses), pickle.loads(pickle.dumps(addresses))):  # noqa: S301
        assert order(other, A, B) == [A, B]
