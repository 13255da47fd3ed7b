"""Side-chain packing: how close side chains come to the native's when sequence and backbone are given."""
