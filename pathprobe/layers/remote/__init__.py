"""Another machine, asked over ssh: what does it say of itself?

``with SshMachine.connect(destination, ...) as machine: look(machine, ...)``; NotReached says why not, and what to do.
"""

from pathprobe.layers.remote.destination import Destination
from pathprobe.layers.remote.failures import NotReached
from pathprobe.layers.remote.machine import SshMachine, SshOptions

__all__ = ["Destination", "NotReached", "SshMachine", "SshOptions"]
