"""Child processes for code that is not trusted to behave: a small environment, limits, drained output, no orphans.

A `Child` runs in a session of its own, without a terminal. Its standard output and error are read as they come, so that
it never waits for a reader, and only their end is kept. What the parent sends waits in the parent, so that a child that
does not read blocks nobody. When the child is ended, everything it started is ended with it.

This contains accidents (a hang, a flood, a leak, a forgotten background process). It is not a sandbox: the child runs
as the same user, and a process that gives up its parent, its session and its environment all at once is not found.
"""

from jackfield.process.child import Child, ChildLimits, Exit
from jackfield.process.environment import allowed_environment
from jackfield.process.family import MARKER

__all__ = ["MARKER", "Child", "ChildLimits", "Exit", "allowed_environment"]
