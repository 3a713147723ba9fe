"""The domain of model providers: blocks, their registry, the core blocks, and the views derived from them."""
