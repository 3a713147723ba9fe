"""For the tests of those who write plugins: prompters that answer from a script, and the contract that plugins keep.

Nothing of the program imports this package.
"""

from jackfield.testing.contract import Login, PluginContract
from jackfield.testing.prompter import ScriptedPrompter
from jackfield.testing.server import LocalServer

__all__ = ["LocalServer", "Login", "PluginContract", "ScriptedPrompter"]
