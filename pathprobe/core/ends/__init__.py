"""What do two captures of one conversation, one of each end, say together?"""
