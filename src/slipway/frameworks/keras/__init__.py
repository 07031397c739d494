"""Networks in Keras on TensorFlow, for images and all other inputs that are encoded as [height, width, channels]."""
