"""Side-chain packing: the joint distribution of the chi angles given backbone, sequence and surroundings."""
