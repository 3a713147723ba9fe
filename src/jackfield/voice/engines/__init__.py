"""The embedded speech service: speech out and commands in, on this machine, with nothing but what pip installs.

It runs in a process of its own, started and ended by `jackfield.voice.engines.launcher`, and speaks the HTTP dialect
that every speech client knows. Nothing outside that process loads espeak-ng (GPL-3.0) or pocketsphinx.

From the bottom up::

    faults                              what a request can be refused for, as a status and a code
    text, grammar                       what is to be said in pieces; what may be heard as a graph of words
    espeak, sphinx, audio, formats      the engines, and samples to and from files
    multipart, connection               HTTP as far as the standard library leaves it open
    routes, service                     the five addresses; the process
    launcher                            the parent's side; imports none of the above but `faults` and `limits`
"""
