"""LinVT and its baselines: many visual tokens in, few weighted averages of them out."""
