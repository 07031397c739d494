"""The training objective of each task for trees: one package for each task, with a class `Objective`."""
