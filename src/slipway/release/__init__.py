"""What the gate and a release show people: the model card, the data set in Croissant, the report."""
