"""Structures to files: into the document they were read from, or into a new one."""
