"""What a set of packets proves, as pure functions: no I/O, no clock, no randomness."""
