"""TensorRT, which builds an engine for a range of shapes: the profile, its file, and the build."""
