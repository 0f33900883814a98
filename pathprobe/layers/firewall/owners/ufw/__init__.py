"""ufw, through what it writes: /etc/ufw."""
