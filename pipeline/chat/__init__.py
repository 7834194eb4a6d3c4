"""Conversations with people, and the desk that takes them over."""
