"""What a run leaves on disk: manifest, per-sample records, results."""

from robustkit.store.atomic import atomic_file, remove_leftovers, storage_error, write_atomically
from robustkit.store.exclusive import exclusive
from robustkit.store.records import RECORD_COLUMNS, SCHEMA_VERSION
from robustkit.store.run_folder import RunFolder

__all__ = [
    "RECORD_COLUMNS",
    "SCHEMA_VERSION",
    "RunFolder",
    "atomic_file",
    "exclusive",
    "remove_leftovers",
    "storage_error",
    "write_atomically",
]
