"""What symmetry is worth: the same tasks and budgets, with symmetry obtained in several ways, and their metrics."""
