"""Every prompt, and nothing else: the only place where the pipeline speaks to a model."""
