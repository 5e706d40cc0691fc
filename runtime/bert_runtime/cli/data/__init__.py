"""Data files as people have them: where they lie, what packs them, what their columns mean, how a run resumes."""
