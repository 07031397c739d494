"""The training objective of each task for networks: one package for each task, with a class `Objective`."""
