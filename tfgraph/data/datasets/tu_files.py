"""The TU files: where they are, and the checksums of those that are known."""

import os
import pathlib

from tfgraph.data.datasets.verified_files import check_sha256, downloaded

TU_URL = "https://www.chrsmrrs.com/graphkerneldatasets/"
# Of the official text files. Not of the zip files, in which these may be packed anew.
TU_SHA256 = {
    "MUTAG": {
        "A": "d9656ca7493f3445d737c711710bb36fd432dddd1c0ea32e1d4713c86ebd28e2",
        "graph_indicator": (
            "7d520a4d6c7961c0cdeabe076d8fe27e795b6d373485c9a2b744987e560a2056"
        ),
        "graph_labels": (
            "a1518ea39ba3426bd42f57396b9c4baffe68e9adc718caeeab0119c6591a5f2c"
        ),
        "node_labels": (
            "678f429965490e84dd27713017538c995fc05d1621beac910848b600015ee863"
        ),
    },
    "ENZYMES": {
        "A": "5553c84f8f562f3e199dfd27192174f485e85c44c1357661098668937a739cbf",
        "graph_indicator": (
            "95ba0fa47eba6f02e6b754a215dc66d5b49de3f45f57a128514301a8d7ed5f46"
        ),
        "graph_labels": (
            "04743e08967e61e65cdacbb90f8df6ee53742b3d2e7b84675b85ebac70506856"
        ),
        "node_attributes": (
            "305a8fc3b12f79fb844ef3374d6a3c8ceeb4887dd4f86bbfe37932c4c5434e7b"
        ),
        "node_labels": (
            "8263eb9b64efa231a5886343483ccfc0342f2407014763a8f738fd51c32ce770"
        ),
    },
    "PROTEINS": {
        "A": "4c4b33e272fc95cac6d27ed6d5d12b9a852c8610e91fff59f8f0dbdd5a20df67",
        "graph_indicator": (
            "8d4ff1e852a5c28561e9bffb44cf9490bc552b13a3b6156dd12dc7f44e9afc4a"
        ),
        "graph_labels": (
            "c0ef9810c440775252872318d0c8adc385588e14bc4c47a2c34aa96ee3c7cdcd"
        ),
        "node_attributes": (
            "54eef829abb37e458a5fbf3a3c581e48e5810e220463c2cd951856b9ceb08f07"
        ),
        "node_labels": (
            "f758e8ad3d6e3c026b50833d75f6f90735b94eb3345e4243707f495ca8afea8d"
        ),
    },
    "IMDB-BINARY": {
        "A": "23c8964bab82f81469271186d721131714a265d0ca8c44ae048118da1d0c4092",
        "graph_indicator": (
            "415cc3ba25b8c647dcf34d3de034f675ee070616f3b803be939cb26773489f26"
        ),
        "graph_labels": (
            "63a44411fd6342b9c4429828c16e144a2a11ef5244e25bb60f0ffa8b3ee2ffce"
        ),
    },
}
# Sets without checksums of the official files, and where they are looked for.
TU_FOLDERS = {
    **dict.fromkeys(TU_SHA256, "tu"),
    "DD": "tu",
    "REDDIT-BINARY": "tu",
    "COLLAB": "tu_compact",
}


def tu_file(name: str) -> bytes:
    """Returns a set's zip file, downloaded if need be, and verified if that can be."""
    expected = {
        f"{name}/{name}_{part}.txt": sha256
        for part, sha256 in TU_SHA256.get(name, {}).items()
    }
    folder = os.environ.get("TFGRAPH_DATA_DIR")
    if folder:
        path = pathlib.Path(folder, TU_FOLDERS[name], f"{name}.zip")
        if path.is_file():
            content = path.read_bytes()
            check_sha256(path, content, expected)
            return content
    if folder or not expected:
        raise FileNotFoundError(
            f"Expected {name}.zip in `$TFGRAPH_DATA_DIR/{TU_FOLDERS[name]}/`"
            f"{'' if expected else ', as it is not downloaded'}. "
            f"Received: TFGRAPH_DATA_DIR={folder}"
        )
    return downloaded(
        f"{TU_URL}{name}.zip",
        f"tu_{name}.zip",
        expected,
        remedy=f"put {name}.zip into `$TFGRAPH_DATA_DIR/tu/`",
    )
