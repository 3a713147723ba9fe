"""Tests of how the house is built: what stands where, what may import what, and what importing must not do."""
