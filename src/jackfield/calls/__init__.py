"""Calling models: one module for each wire format, pure, and one runner that sends what they write.

A format's module makes the body of a request out of a conversation, and reads the events of its stream as `Delta`s;
it does no I/O. `runner.Call` asks the provider, renews what is turned down once, and turns what goes wrong into errors.
"""
