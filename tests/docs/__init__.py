"""Tests that keep the documentation true: its code runs, its links lead somewhere, its tables fit the program."""
