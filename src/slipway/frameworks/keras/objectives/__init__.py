"""What each task asks of a network; one package a task, each with a class `Objective`."""
