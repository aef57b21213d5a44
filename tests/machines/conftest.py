import warnings

with warnings.catch_warnings():
    # The generated SDK warns about its own deprecated functions while it is imported; nothing of ours calls them.
    warnings.simplefilter("ignore", DeprecationWarning)
    import pulumi_digitalocean  # noqa: F401
