"""All layers at once: what the probes say as rows, what all rows say together, what to look at after a change."""
