"""The commands, each in a module that is loaded when the command runs (cli.py has the table)."""
