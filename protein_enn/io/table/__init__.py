"""The atom table: one column per property; text as distinct values and codes."""
