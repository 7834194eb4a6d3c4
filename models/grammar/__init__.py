"""One contract as one tight llguidance grammar with its token budget."""
