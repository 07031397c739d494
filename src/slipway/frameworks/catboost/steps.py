"""What a step of a training is, for plots; apart from the code that trains, so that a word trains nothing again."""

STEP = "tree"
