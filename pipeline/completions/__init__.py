"""What the model itself answers: requests in the form of OpenAI's API, with every option obeyed or refused by name."""
