"""Nano's world and the training of LinVT."""
