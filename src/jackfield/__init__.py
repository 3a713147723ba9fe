"""Every AI provider on one panel."""

__version__ = "0.1.0"
