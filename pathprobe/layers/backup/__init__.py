"""Which rules does this machine have, kept so that they can be put back: what is kept, how it is compared, and the way
back.

``take`` reads a State, ``folder`` writes and reads it, ``compare`` tells two apart, ``restore`` makes one the present.
"""
