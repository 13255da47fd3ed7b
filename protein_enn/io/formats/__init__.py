"""The file formats (`table`), their recognition, and their readers: bytes to atom tables."""
