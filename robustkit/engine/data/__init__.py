"""Opening labelled images and texts, whatever layout they are stored in; no torch is needed here."""

from robustkit.engine.data.chosen import ChosenSamples
from robustkit.engine.data.image_folder import ImageFolder
from robustkit.engine.data.layout import dataset_name, open_layout
from robustkit.engine.data.numpy_dataset import NumpyDataset
from robustkit.engine.data.pixels import check_pixels, range_hint
from robustkit.engine.data.selection import select_ids
from robustkit.engine.data.splits import has_split
from robustkit.engine.data.table import TextTable, is_table, open_table
from robustkit.engine.data.view import INTERPOLATIONS, ViewRequest, parse_view
from robustkit.engine.data.viewed import ViewedDataset, apply_view

__all__ = [
    "INTERPOLATIONS",
    "ChosenSamples",
    "ImageFolder",
    "NumpyDataset",
    "TextTable",
    "ViewRequest",
    "ViewedDataset",
    "apply_view",
    "check_pixels",
    "dataset_name",
    "has_split",
    "is_table",
    "open_layout",
    "open_table",
    "parse_view",
    "range_hint",
    "select_ids",
]
