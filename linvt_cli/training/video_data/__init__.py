"""Questions and answers about videos, as training reads them."""
