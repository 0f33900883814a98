"""Layer 6, the cloud's own rules: would this packet be let in, and its answer out?

Whoever printed the rules, they become one model (``model``), which is followed in one way (``evaluate``). A vendor's
module knows how its JSON is read into that (``aws``, ``alibaba``, ``tencent``, ``azure``, ``gcp``) and which command
adds a rule (``remedies``); ``recognise`` tells whose JSON it is. Nothing here changes anything.
"""
