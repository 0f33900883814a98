"""What became of the packets that arrived at a port of this machine?

Who watches tells what was seen, as it was seen: packets before the firewall and behind it (facts.Seen), packets that
the kernel threw away (facts.Dropped), rules that a packet met (facts.Step). book joins them to attempts, fate says how
each ended.
"""
