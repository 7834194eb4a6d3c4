"""Open models that are not shipped: brought into the user's cache as folders that every engine loads."""
