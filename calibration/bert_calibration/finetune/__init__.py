"""Quantisation-aware fine-tuning: for a head that no calibration brings into its accuracy budget.

The one part of this package that needs torch and transformers: `pip install 'bert-export[finetune]'`.
"""
