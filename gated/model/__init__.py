"""Nouns. Frozen, standard library only; they know what words mean and nothing that happens."""
