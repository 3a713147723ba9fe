"""Proof that the core blocks and their views say what an older program said, item by item."""
