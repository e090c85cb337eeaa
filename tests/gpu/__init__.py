"""What a CUDA device must do as the CPU does; ``TEST_DEVICE=cpu`` runs the same there."""
