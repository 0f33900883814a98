"""The other layers of "why can't I connect": what this machine says of itself.

Each layer has a thin reader, which runs commands and reads files by way of ``system``, and a pure parser and judge.
"""
