"""EventBridge on the emulated AWS: moto keeps buses, rules and targets, and events really go their way."""
