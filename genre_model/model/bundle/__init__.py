"""Model bundles on disk: the manifest, reading, writing, and the audit of untrusted bundles."""
