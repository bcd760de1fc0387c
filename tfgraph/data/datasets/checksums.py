"""Where the files of the data sets are published, and the checksums of those known."""

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

NELL_URL = "http://www.cs.cmu.edu/~zhiliny/data/nell_data.tar.gz"
NELL_SHA256 = {
    "allx": "092de8541bfd3a6a9a5364ea73224e08c3b0605033c69dc926f26004a3e93681",
    "ally": "27de2d69a83b0f37272f1189acb209449e59224e6647c296d3b7e27c35d99b1c",
    "graph": "865faeed5d7037fb21122844ec09292b9c8b59710dcf2dc126cc13069a70365b",
    "test.index": "c546df8c960fc961b75d9566a1431c16d9a064725effdcd70a615ec0a31fe907",
    "tx": "93016916f57043f6402d9c15654328dbda143f8adcf2b1afd2638caff76808bf",
    "ty": "07a2a8a95063e14b05592322362011993ce95e7ddb87c8246ebd57607768a5c5",
    "y": "88926c6959052cffd51f1d4218b11c35403c0c43f21a52489fbec4676a6a205e",
}

TWITCH_URL = "https://raw.githubusercontent.com/benedekrozemberczki/MUSAE/master/input/"
# Where the parts of a language are at TWITCH_URL.
TWITCH_PATHS = {
    "edges.csv": "edges/{}_edges.csv",
    "features.json": "features/{}.json",
    "target.csv": "target/{}_target.csv",
}
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

TU_URL = "https://www.chrsmrrs.com/graphkerneldatasets/"
# Of the official text files. The zip files that hold them may be packed anew.
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

# Of the official zip files whose text files have no known checksums. Two public
# repositories state the same: `simonschoelly/GraphDatasets.jl` is one of them.
TU_ZIP_SHA256 = {
    "DD": "d033d7aeb1a48c4b2b47cf0390e7fc9671de70d98c8df5b11e458d2ec5515cd2",
    "REDDIT-BINARY": "982dc64ddade42a6365ba9c93f5080d0b9d315df0df492b57fd9fbb7e40dbe16",
    "REDDIT-MULTI-12K": (
        "dc133043edae3df088a4bfbd09595f105c0a6e2df533662b6ddc7d3268b5b49b"
    ),
    "COLLAB": "cb5b772bc4f3a4690d0601378a3fc993b092aeafd63e2b0f2330137dda1cdcc6",
}

MOVIELENS_URL = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
MOVIELENS_ZIP_SHA256 = (
    "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436"
)
# Of its members. The file in a user's folder may be packed anew.
MOVIELENS_SHA256 = {
    "ml-latest-small/movies.csv": (
        "5a5f32dd9bb3797b8e728a1b98958789d2b13f294a69fdfbc5727f8a9611aa07"
    ),
    "ml-latest-small/ratings.csv": (
        "aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646"
    ),
}

PPI_URL = "https://snap.stanford.edu/graphsage/ppi.zip"
PPI_SHA256 = {
    "ppi-G.json": "7b323bbb677de2538c0b4c17d13a1bf691af6e6d76946035b7649c6c2fce3013",
    "ppi-class_map.json": (
        "388d404c24704a29b74940ca64df52ef7dc9affb3cfc96345210bf6aa1e31932"
    ),
    "ppi-feats.npy": "953149689098eed72c0154fb40a8fff4e634d34c5ad139c7ae9d601db1cad3d3",
}

# These have no published checksums, so they are not downloaded.
NPZ_SOURCE = "https://github.com/shchur/gnn-benchmark/tree/master/data/npz"
PPI_SOURCE = "https://data.dgl.ai/dataset/ppi.zip"
REDDIT_SOURCE = "https://data.dgl.ai/dataset/reddit.zip"
