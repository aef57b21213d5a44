"""Lambda on the emulated AWS: moto keeps what a function is, and a process of this computer runs it."""
