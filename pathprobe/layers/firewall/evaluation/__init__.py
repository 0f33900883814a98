"""A packet is led through a ruleset as the kernel leads it. Pure: a model and a network in, outcomes out."""
