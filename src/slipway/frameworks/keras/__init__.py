"""Networks, training and conversion with Keras."""
