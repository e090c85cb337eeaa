"""From video tokens and a question to a streamed answer."""
