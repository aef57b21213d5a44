import asyncio
import warnings
from collections.abc import Iterator

import pytest

with warnings.catch_warnings():
    # The generated SDK warns about its own deprecated functions while it is imported; nothing of ours calls them.
    warnings.simplefilter("ignore", DeprecationWarning)
    import pulumi_digitalocean  # noqa: F401


@pytest.fixture
def loop_for_outputs() -> Iterator[None]:
    """Outputs that are made outside of any program want an event loop to be born in, and to be ended with it."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    left = asyncio.all_tasks(made)
    for task in left:
        task.cancel()
    made.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    asyncio.set_event_loop(None)
    made.close()
