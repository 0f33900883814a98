"""What does its engine call the container with this id?"""

from __future__ import annotations

from dataclasses import replace

from pathprobe.layers.listening.cgroup import Container
from pathprobe.layers.system import Said, System

#: Engine -> the command that lists ids and names, apart by a space.
_LISTS = {
    "docker": ("docker", "ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}"),
    "podman": ("podman", "ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}"),
}


def named(system: System, container: Container) -> Container:
    """With its name, where its engine is there and tells it."""
    command = _LISTS.get(container.engine)
    said = system.run(*command) if command else None
    if not (isinstance(said, Said) and said.worked):
        return container
    names = {identity: name for identity, _, name in (line.partition(" ") for line in said.out.splitlines())}
    return replace(container, name=names.get(container.id) or None)
