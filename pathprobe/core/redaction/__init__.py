"""What must not leave the house, and what stands in its place?"""
