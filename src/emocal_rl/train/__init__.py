"""Training: three stages on TRL's trainers, one run directory."""
