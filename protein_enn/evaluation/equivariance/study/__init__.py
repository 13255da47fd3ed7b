"""What symmetry buys: the same tasks and budgets, symmetry obtained in several ways, and how each is measured."""
