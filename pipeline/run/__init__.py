"""What a workflow holds in its hand."""
