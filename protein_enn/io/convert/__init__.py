"""From atom tables to structures: residues, conformers, context, links and assemblies."""
