"""The documents of a release for people: the model card, the data set in Croissant, and the report of the gate."""
