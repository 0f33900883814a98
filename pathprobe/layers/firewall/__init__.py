"""Layer 2: what do this machine's packet filters do with a packet, and which rule decides?

Readers of nft and iptables make one model of what they read (``model``); the evaluator walks it as the kernel does.
"""
