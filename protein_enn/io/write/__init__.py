"""Write structures: into a copy of the source file where possible, else into a new file."""

from protein_enn.io.write.write import format_of, structure_bytes, write_structure

__all__ = ["format_of", "structure_bytes", "write_structure"]
