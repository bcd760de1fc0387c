"""Builds tfgraph: everything about the package stands here."""

from pathlib import Path

from setuptools import find_packages, setup

PLOTS = ["matplotlib>=3.7", "networkx>=3.0"]
TESTS = [
    *PLOTS,
    "hypothesis>=6.90",
    "pytest>=8.0",
    "pytest-xdist>=3.5",
    "scikit-learn>=1.3",
    "scipy>=1.11",
    "tensorflow-serving-api>=2.18",
]

setup(
    name="tfgraph",
    version="0.1.0",
    description="Graph neural network layers for Keras 3",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["tfgraph", "tfgraph.*"]),
    package_data={"tfgraph": ["py.typed"]},
    install_requires=[
        "keras>=3.10",
        "numpy>=1.26",
        "optree>=0.12",
        "tensorflow>=2.18",
        "tensorflow-gnn>=1.0.3",
        "tf-keras>=2.18",
    ],
    extras_require={
        "scipy": ["scipy>=1.11"],
        "networkx": ["networkx>=3.0"],
        "plots": PLOTS,
        "tests": TESTS,
        "benchmarks": ["scipy>=1.11"],
        "dev": [*TESTS, "pre-commit>=3.5", "ruff>=0.6"],
    },
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
