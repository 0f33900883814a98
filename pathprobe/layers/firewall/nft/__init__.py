"""What nft says its rules are: read, and put into the model's words."""
