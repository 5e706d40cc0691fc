"""Integers instead of floats, decided by data: observe a verified fp32 graph, choose ranges, quantise, keep what hurts.

Works on ONNX files with numpy and ONNX Runtime; never torch or transformers, so that a bundle can be quantised where it
is used.
"""
