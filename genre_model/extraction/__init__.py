"""Extract the features of many files: worker pools, a cache, a Dask cluster."""
