"""Ways to reach a network: raw sockets, or a simulated one."""
