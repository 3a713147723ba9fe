"""The configuration file: reading it with places, planning changes, committing them."""
