"""``python -m pathprobe``."""

from pathprobe.commands import main

main()
