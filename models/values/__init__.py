"""What customers write, read as values: days, numbers, money."""
