from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import linvt_cli

PACKAGES = sorted(
    module.name
    for module in pkgutil.walk_packages(linvt_cli.__path__, "linvt_cli.")
    if module.ispkg
)


def test_the_public_names_are_sorted_and_exist():
    assert linvt_cli.__all__ == sorted(linvt_cli.__all__)
    for name in linvt_cli.__all__:
        assert getattr(linvt_cli, name) is not None


def test_the_lazy_name_is_the_class_of_the_pipeline():
    from linvt_cli.pipeline import VideoQA

    assert linvt_cli.VideoQA is VideoQA


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'VideoQAA'"):
        _ = linvt_cli.VideoQAA


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_promises_it_has(package):
    module = importlib.import_module(package)
    for name in getattr(module, "__all__", []):
        assert hasattr(module, name), f"{package}.{name}"


def test_importing_the_package_alone_loads_nothing_heavy():
    code = "import sys, linvt_cli; print(sorted({'torch', 'numpy', 'typer'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_package_is_marked_as_typed():
    assert (Path(linvt_cli.__file__).parent / "py.typed").is_file()
