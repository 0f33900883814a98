"""What iptables of both flavours and ipset say their rules are: read, and put into the model's words."""
