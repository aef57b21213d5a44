"""`python -m tools SCRIPT ARGUMENTS`: how `make` runs each script of this repository.

Ctrl-C ends a script with a line, from its first import on. One that has something to clear says more itself.
"""

import runpy
import sys

INTERRUPTED = 130  # as a shell has it for SIGINT

if __name__ == "__main__":
    del sys.argv[0]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)
