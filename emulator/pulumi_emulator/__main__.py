"""`python -m pulumi_emulator`."""

import sys

if __name__ == "__main__":
    try:
        from pulumi_emulator.cli import main

        main()
    except KeyboardInterrupt:  # while modules are loaded
        sys.exit("error: interrupted")
