"""Structures to files: into a copy of the file they were read from where that can be, else into a new one."""

from protein_enn.io.write.write import format_of, structure_bytes, write_structure

__all__ = ["format_of", "structure_bytes", "write_structure"]
