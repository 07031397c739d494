"""What each task asks of the trees; one package a task, each with a class `Objective`."""
