"""Text token by token: a decoder with its cache, what is done to the logits, and how the next tokens are chosen."""
