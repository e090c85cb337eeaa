"""Training LinVT for any image-LLM, and a LoRA on its language model, from videos with answers."""
