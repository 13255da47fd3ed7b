"""The atom table: one column a property, text as distinct values and codes."""
