"""Plugins: found, listed, run in processes of their own, and registered like core."""
