"""firewalld: its zones as they run and as they are kept, and what they do with a port."""
