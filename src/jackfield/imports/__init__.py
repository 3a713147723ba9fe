"""Moving in: what other programs and the environment hold, read, judged and brought over. The sources stay as they are.

A reader turns a source into a `Found`: credentials and settings, each with its place, and what is wrong with files.
`jackfield.imports.plan` says what becomes of each; what it writes into the config goes through the gate of logins.
"""
