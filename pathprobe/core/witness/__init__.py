"""Which verdicts follow from what others sent, seen in a capture of anybody's?"""
