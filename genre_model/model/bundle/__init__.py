"""Model bundles on disk: the manifest, reading and writing one, and the audit of a stranger's."""
