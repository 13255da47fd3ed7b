"""Side-chain atoms that a file lacks."""
