"""The layouts of raw folders, and the decoding of raw examples, that several tasks share."""
