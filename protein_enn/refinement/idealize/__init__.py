"""Sound geometry by the least movement: terms, solver, projection."""
