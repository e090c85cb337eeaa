"""What of LinVT carries weight: variants of it, trained alike and asked the same."""
