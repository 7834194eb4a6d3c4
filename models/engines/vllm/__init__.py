"""A vLLM server: started, spoken to, and sped up by jump-forward."""
