"""Commands in forks of a warm process, at Ctrl-C: the command ends, and the parent is there for the fixtures' `destroy`."""

import os
import signal
import threading
from collections.abc import Callable

import pytest

from tests.support.emulated import Emulated
from tests.support.waiting import wait_until
from tests.support.warm import WARM


@pytest.mark.engine
def test_ctrl_c_ends_the_command_and_leaves_the_parent_for_what_is_destroyed_then(emulated: Callable[..., Emulated]) -> None:
    stack = emulated("import pathlib, time\npathlib.Path('runs').touch()\ntime.sleep(600)\n")
    runs = stack.program / "runs"

    def interrupt() -> None:
        wait_until(runs.exists, "the program runs")
        os.kill(os.getpid(), signal.SIGINT)

    # A shell without job control starts what follows `&` with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            stack.run("up")
    finally:
        signal.signal(signal.SIGINT, before)
    assert os.getpgid(WARM.pid) not in {os.getpgid(0), os.getpgid(os.getppid())}, (
        "Ctrl-C in a terminal is for a whole process group"
    )
    stack.clean_up()  # it would be refused while `up` runs
    assert not stack.folder.exists()
