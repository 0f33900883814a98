"""Which numbers name the blocks and options of a pcapng file? (draft-ietf-opsawg-pcapng)"""

from __future__ import annotations

#: Code and value of an option, section 3.5.
Option = tuple[int, bytes]

# Block types, section 11.1. The section header's reads the same in both byte orders.
SECTION_HEADER, INTERFACE, OBSOLETE_PACKET, SIMPLE_PACKET = 0x0A0D0D0A, 1, 2, 3
STATISTICS, ENHANCED_PACKET = 5, 6
#: What Wireshark counts as frames too, and none of them has a time: systemd journal entries, and custom blocks, of
#: which the second kind is not to be copied.
JOURNAL, CUSTOM, CUSTOM_NOT_COPIED = 9, 0x00000BAD, 0x40000BAD

# Options: section 3.5 (all blocks), 4.1 (section), 4.2 (interface), 4.3 (packet), 4.6 (statistics).
END_OF_OPTIONS, COMMENT = 0, 1
SECTION_SYSTEM, SECTION_APPLICATION = 3, 4
INTERFACE_NAME, INTERFACE_RESOLUTION, INTERFACE_OFFSET = 2, 9, 14
PACKET_FLAGS = 2
STATISTICS_START, STATISTICS_END, STATISTICS_DELIVERED = 2, 3, 8

BYTE_ORDER_MAGIC = 0x1A2B3C4D
SECTION_LENGTH_UNKNOWN = -1
MICROSECONDS, NANOSECONDS = 6, 9
INBOUND, OUTBOUND, DIRECTION_MASK = 1, 2, 3
LONGEST_OPTION = 0xFFFF
SMALLEST_BLOCK = 12
