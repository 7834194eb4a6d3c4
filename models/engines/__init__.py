"""What generates text: engines behind one protocol, how one is opened, and the proof that it enforces."""
