"""The emulated ElastiCache API: its rules and its objects. The nodes behind it are the data plane's."""
