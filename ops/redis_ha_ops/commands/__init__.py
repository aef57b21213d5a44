"""The subcommands, each in a module that is loaded when it runs (cli.py has the table)."""
