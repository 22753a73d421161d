"""Stored -C sets: corrupted images on disk, in the layouts of CIFAR-10-C and of ImageNet-C."""

from robustkit.engine.data.stored.manifest import KIND, MANIFEST, SCHEMA, SetManifest, folder_digest, read_set_manifest
from robustkit.engine.data.stored.opening import is_stored_set, open_stored_set
from robustkit.engine.data.stored.parts import LABELS, SEVERITIES
from robustkit.engine.data.stored.stored_set import StoredSet

__all__ = [
    "KIND",
    "LABELS",
    "MANIFEST",
    "SCHEMA",
    "SEVERITIES",
    "SetManifest",
    "StoredSet",
    "folder_digest",
    "is_stored_set",
    "open_stored_set",
    "read_set_manifest",
]
