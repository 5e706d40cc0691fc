"""TensorRT, which compiles a graph for a range of shapes: the range, the forms it is told in, and the compilation."""
