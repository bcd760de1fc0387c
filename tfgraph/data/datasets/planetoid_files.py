"""The Planetoid files: where they are, their checksums, and their safe unpickling."""

import collections
import io
import os
import pathlib
import pickle
from typing import ClassVar

import numpy as np

from tfgraph.data.datasets.verified_files import check_sha256, downloaded

PLANETOID_URL = "https://github.com/kimiyoung/planetoid/raw/master/data/"
PLANETOID_SHA256 = {
    "cora": {
        "allx": "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
        "ally": "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
        "graph": "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
        "test.index": (
            "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875"
        ),
        "tx": "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
        "ty": "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
        "y": "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1",
    },
    "citeseer": {
        "allx": "2ac30345d95c9ec933a817ee0bdd6a5f077f8c184a20e696910192d534414668",
        "ally": "f704b2d986dde6c2669934de1f3ae5696a6cf9455c0f6b2646a2d135ea0a1c95",
        "graph": "d79a4ef9d3e7169aee8946145f6b7306e35bc79bffad26346cfb94e10e9912a7",
        "test.index": (
            "2af990671580b6b2df5d158d1038f8292e30c9cd821b5453f399659b25b723d4"
        ),
        "tx": "539a8906a2da97628d212f2fdd668c109a8b3f0d36574b59e5d3fd5b5303da21",
        "ty": "55e5bd1ba1e733a04598753ad1a8d57957f4b8f89e74519f41f4f4938767e4ce",
        "y": "8ba87e515d8e3ee3cf52f6d2c5b86aa73f11ecad825a808455209ec26cd54924",
    },
    "pubmed": {
        "allx": "508e538e2abdccdd54c4d3e9f49d638b4af7107d85845f66ddea5a5152658b7e",
        "ally": "0c37bbe3b5014ec365e9d393cf4791925e5ed94fb194305d74f064a8d7b50f0e",
        "graph": "5b89f0036ca22909471f1e6558eb42fa06e0c730a577bde5b058b40638f81dc9",
        "test.index": (
            "b101d421688bbaecbd82e8a18f1e282378d6830f3a37666f28ebc47f844341b5"
        ),
        "tx": "4eb5f5d0f30f26497eb0ac6ac9719d09c67e284f1ed0385c93f3ef27a671da3d",
        "ty": "ee2e0d4819d9fbcc403689c3bf2e49face401b605932f093bc58ab6461130fdd",
        "y": "e6c807633307a07ed659249006536a147c7999c797f11a2560752990181b41b3",
    },
}


class CSR:
    """Parts of a CSR matrix; stands in for SciPy's class in the pickles."""

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    _shape: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape


class _SafeUnpickler(pickle.Unpickler):
    """Reads the Planetoid pickles, and can make nothing but what those hold.

    A pickle may call any function that it can name. This one looks names up in a
    fixed table and never imports.
    """

    _ALLOWED: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("scipy.sparse.csr", "csr_matrix"): CSR,
        ("collections", "defaultdict"): collections.defaultdict,
        ("__builtin__", "list"): list,
    }

    def find_class(self, module: str, name: str):
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"The pickle asks for `{module}.{name}`, which no Planetoid file needs."
            ) from None


def unpickle(data: bytes):
    """Reads a Planetoid pickle. For verified bytes only: NumPy trusts its input."""
    # latin1 maps the byte strings of Python 2 to str without loss.
    return _SafeUnpickler(io.BytesIO(data), encoding="latin1").load()


def planetoid_file(name: str, part: str) -> bytes:
    """Returns the verified content of a Planetoid file, downloaded if need be."""
    file_name = f"ind.{name}.{part}"
    expected = PLANETOID_SHA256[name][part]
    folder = os.environ.get("TFGRAPH_DATA_DIR")
    if folder:
        path = pathlib.Path(folder, "planetoid", file_name)
        if not path.is_file():
            raise FileNotFoundError(
                f"Expected `$TFGRAPH_DATA_DIR/planetoid/` to hold {file_name}, as it "
                f"is at {PLANETOID_URL}. Received: TFGRAPH_DATA_DIR={folder}"
            )
        content = path.read_bytes()
        check_sha256(path, content, expected)
        return content
    return downloaded(
        PLANETOID_URL + file_name,
        file_name,
        expected,
        remedy="put the Planetoid files into `$TFGRAPH_DATA_DIR/planetoid/`",
    )
