"""What was asked of the server and what it answered: logs on disk, and tables made of them."""
