"""Networks in Keras on TensorFlow: images, and anything else that is encoded as [height, width, channels]."""
