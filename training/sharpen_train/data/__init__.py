"""From folders of pictures to a dataset of patches (`preparing`), and from a dataset to batches (`stream`)."""

from sharpen_train.data.dataset import CONTEXT_PX, SPLITS, Dataset, DatasetInfo, SourceInfo, TeacherInfo, TeacherSet, open_dataset
from sharpen_train.data.pictures import SUFFIXES, Picture, Source, find_sources, load_truth, read_picture

__all__ = [
    "CONTEXT_PX",
    "SPLITS",
    "SUFFIXES",
    "Dataset",
    "DatasetInfo",
    "Picture",
    "Source",
    "SourceInfo",
    "TeacherInfo",
    "TeacherSet",
    "find_sources",
    "load_truth",
    "open_dataset",
    "read_picture",
]
