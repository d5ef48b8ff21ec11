"""The paper's questions, and the splits', as experiments: ``genre-model experiment``."""
