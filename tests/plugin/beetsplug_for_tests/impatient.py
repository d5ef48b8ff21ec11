"""Makes the plugin give up soon on a silent Dask scheduler or a cluster without workers."""

from beets.plugins import BeetsPlugin

from genre_model.extraction import dask_connection, dask_workers


class ImpatientPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        dask_connection.CONNECT_S = dask_connection.GREETING_S = 1.0
        dask_workers.NO_WORKERS_S = 2.0
        dask_workers.MAX_SENT_BYTES = 2**18  # files are sent one at a time
