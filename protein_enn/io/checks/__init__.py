"""What there is to say about a structure as read: gaps, missing atoms, what cannot be right."""
