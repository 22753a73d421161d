"""Opening labelled images, whatever layout they are stored in; no torch is needed here."""

from robustkit.engine.data.image_folder import ImageFolder
from robustkit.engine.data.layout import dataset_name, open_layout
from robustkit.engine.data.numpy_dataset import NumpyDataset
from robustkit.engine.data.pixels import check_pixels
from robustkit.engine.data.selection import select_ids
from robustkit.engine.data.view import INTERPOLATIONS, ViewRequest, parse_view
from robustkit.engine.data.viewed import ViewedDataset, apply_view

__all__ = [
    "INTERPOLATIONS",
    "ImageFolder",
    "NumpyDataset",
    "ViewRequest",
    "ViewedDataset",
    "apply_view",
    "check_pixels",
    "dataset_name",
    "open_layout",
    "parse_view",
    "select_ids",
]
