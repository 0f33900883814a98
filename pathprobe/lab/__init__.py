"""Real Linux networks with a known fault, in namespaces that nobody else sees."""
