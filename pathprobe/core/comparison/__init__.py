"""What is different between two reports?"""
