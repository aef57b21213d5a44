"""`python -m pulumi_emulator`."""

from pulumi_emulator.cli import main

if __name__ == "__main__":
    main()
