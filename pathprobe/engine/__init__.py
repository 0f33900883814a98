"""From a question to a report: live, simulated, or from a capture."""
