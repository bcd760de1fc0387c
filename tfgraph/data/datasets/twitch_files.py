"""The Twitch files of MUSAE: where they are, and their checksums."""

import os
import pathlib

from tfgraph.data.datasets.verified_files import check_sha256, downloaded, zip_member

TWITCH_URL = "https://raw.githubusercontent.com/benedekrozemberczki/MUSAE/master/input/"
TWITCH_SHA256 = {
    "DE": {
        "edges.csv": "54feaf3e3e70a485fe07f8611e4d2677841b97f77b8358204bcf4a48cc884d86",
        "features.json": (
            "7b39c42570f05cd46017c765df8d8a1bc03f19787c3eb0f9684f50a52476ae3a"
        ),
        "target.csv": (
            "2188f58a093bb9db363d3eaf7c3a52c2adc8ff6b23cbcb4f53875f87061c0321"
        ),
    },
    "ENGB": {
        "edges.csv": "5ea4d7f7267454e9523577eb2a9b4dcb7a22dd660a548240f01b815d08e0e3cc",
        "features.json": (
            "d55948bd911ab28e0a89c4946562d5a8b363b9a7e4216e1a4986f37c74caa777"
        ),
        "target.csv": (
            "e9d51399878216d2dd662b0a152b602cccde7b5cbb8452cb91d9379f64114443"
        ),
    },
    "ES": {
        "edges.csv": "17801d2cc45fc4909a431ce7a190c0565d4af87b0548ca7705cf2bef7da4c884",
        "features.json": (
            "dec4b672183f9cb04524ee605b763cc14244ed88eb766147a3f954e9abe30d59"
        ),
        "target.csv": (
            "f843427bae58289100e78c6c211fa4a1ae0d5fbf2c665841df9e390b00dcffb5"
        ),
    },
    "FR": {
        "edges.csv": "9924263f7e8edaa7278dcbc37bd90c8712cb0ea1726d85e054a5588b7959f887",
        "features.json": (
            "490ff6a0afb0838fea1696980b14b3fcb9e8932d18e1f5172f066e45d97daa46"
        ),
        "target.csv": (
            "dd0a9e7ba565cbb95ae66003892709742bd08c26387656e3e235fc25205663b4"
        ),
    },
    "PTBR": {
        "edges.csv": "b72d93a3c8a82883771a2f3822fce229885fa0d40367fb105c0535fb36c773b9",
        "features.json": (
            "5012dee29ca3ae57cbdb4f46279506e3b87ff79d8c43affcafd7576acb21f960"
        ),
        "target.csv": (
            "ecba7d1287e72ae7c3f42c922be475283288c0c67346245c72109690460444bd"
        ),
    },
    "RU": {
        "edges.csv": "fd307587a550289f746056ea12a7336171ab2053c9e08c42dba77499126ca5b2",
        "features.json": (
            "7767f5d6fdb405cc5cd4267bd3dd0371cbd585ef3f3bec6b5d156880fe42e30a"
        ),
        "target.csv": (
            "db7617528355be994352e491e7b25d060fed466d0d81c09cadd90fa10f15c071"
        ),
    },
    "ZHTW": {
        "edges.csv": "47c986023f1f434f76026ddfb3ab544be24849011400c99402083d06d3dfa017",
        "features.json": (
            "9508cc55f4b891018f278df4cec40d622aba2b04c1bca9451fd9e8ce11321c7b"
        ),
        "target.csv": (
            "65b75f23be40140d2e326813c3f81419f1a94aa1091acfc0279f0403be8165f7"
        ),
    },
}
# Where the parts are at TWITCH_URL.
_PATHS = {
    "edges.csv": "edges/{}_edges.csv",
    "features.json": "features/{}.json",
    "target.csv": "target/{}_target.csv",
}


def twitch_file(language: str, part: str) -> bytes:
    """Returns the verified content of a Twitch file, downloaded if need be."""
    name = f"{language}_{part}"
    expected = TWITCH_SHA256[language][part]
    folder = os.environ.get("TFGRAPH_DATA_DIR")
    if folder:
        path = pathlib.Path(folder, "musae", "twitch.zip")
        if not path.is_file():
            raise FileNotFoundError(
                "Expected `$TFGRAPH_DATA_DIR/musae/` to hold twitch.zip, with members "
                f"such as twitch/{name}, as they are at {TWITCH_URL}. "
                f"Received: TFGRAPH_DATA_DIR={folder}"
            )
        content = zip_member(path, path.read_bytes(), f"twitch/{name}")
        check_sha256(f"twitch/{name} in {path}", content, expected)
        return content
    return downloaded(
        TWITCH_URL + _PATHS[part].format(language),
        f"twitch_{name}",
        expected,
        remedy="put the Twitch files into `$TFGRAPH_DATA_DIR/musae/twitch.zip`",
    )
