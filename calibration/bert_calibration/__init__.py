"""Everything that looks at data: samples, the quality of answers, and the integers that activations are fitted with.

Works on ONNX files with numpy and ONNX Runtime, without torch or transformers, so that a bundle can be quantised where
it is used; fine-tuning alone needs them.
"""
