"""Files of requests in, a folder of results out."""
