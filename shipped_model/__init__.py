"""Makes the model that ships with the package."""
