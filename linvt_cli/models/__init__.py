"""Checkpoints: where they are and what they are."""
