"""Credential profiles, where they are kept, and which of them is used."""
