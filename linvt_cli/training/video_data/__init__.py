"""Videos with questions and answers to train on: linvt's own format, and public ones."""
