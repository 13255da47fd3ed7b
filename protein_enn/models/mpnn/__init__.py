"""The network of ProteinMPNN, for its published weights: doi 10.1126/science.add2187."""
