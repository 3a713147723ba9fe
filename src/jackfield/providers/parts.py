"""Where the parts of a provider's block came from first; they live in `jackfield.parts`, for every kind of block."""

from jackfield.parts import FrozenMap, Part, Path, fault, part

__all__ = ["FrozenMap", "Part", "Path", "fault", "part"]
