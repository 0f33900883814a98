"""Layer 3: does a mandatory access control, SELinux or AppArmor, keep a service from this port?

``read`` asks the machine for a port's facts, ``judge`` says what they mean. Between them stand parsers: of the mode, of
port labels, of audit records (SELinux's AVCs and AppArmor's), of what the policy lets a domain do.
"""
