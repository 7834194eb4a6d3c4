"""How fast a vLLM server decodes: free, constrained, and constrained with jump-forward, in one interleaved run."""
