"""PDB, mmCIF and BinaryCIF to atom tables: what stands in the bytes."""
