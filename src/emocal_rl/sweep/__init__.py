"""Sweeps: one recipe, named variants, several seeds; every point a run of its own, shared stages trained once."""
