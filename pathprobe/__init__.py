"""pathprobe says where a port dies on the way, and how sure it is.

A question goes down, an answer comes up:

    commands   the command line: parse, call, render, exit
    engine     the pump between a session and a network; recorder, offline analysis
    layers     what this machine says of itself: sockets, packet filters, kernel, SELinux
    output     words, tables, JSON, Markdown and HTML
    net        ways to reach a network: raw sockets, a simulated one
    wire       octets <-> facts: craft, dissect, capture files; the only home of scapy
    core       pure: probes, outcomes, strategy, location, verdict
      witness    what others asked, in a capture of anybody's
      ends       what two captures of one conversation say together
      comparison what is different between two reports
      redaction  what must not leave the house
    lab        real networks in namespaces, with a known fault

``core.session`` says what to send, ``wire.craft`` makes it, ``net.raw`` sends it; ``wire.dissect`` reads
what comes back, ``core.ledger`` knows whose answer it is, ``core.verdict`` what follows from all of them.
A verdict is a pure function of the packets, so a capture gives the verdict that the live run gave.

Nothing heavy is imported here: ``pathprobe --help`` is instant.
"""

__version__ = "0.1.0"
