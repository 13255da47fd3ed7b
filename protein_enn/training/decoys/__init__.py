"""Models of known quality to train a confidence on: real ones with their natives, and made ones of many kinds."""
