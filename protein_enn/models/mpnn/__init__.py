"""ProteinMPNN's network, to run its published weights: doi 10.1126/science.add2187."""
