"""Check of the model that the user wants: are its files here and whole?"""

from __future__ import annotations

import json
from pathlib import Path

from linvt_cli.doctor.findings import Circumstances, Finding
from linvt_cli.errors import BackboneLoadError
from linvt_cli.models.copies import find_any_copy
from linvt_cli.models.store import Store
from linvt_cli.pipeline.model_choice import find_model, missing_files
from linvt_cli.pipeline.weights import find_files, source_of_weights

_GIB = 2**30


def check_model(circumstances: Circumstances) -> Finding:
    """Look for the files of the model that the user named, and for missing and cut-off weights.

    Raises:
        UnknownBackboneError: if there is no such model.
        BackboneLoadError: if its files are not here, or not whole.
    """
    if circumstances.model is None:
        return Finding("no model was named: linvt doctor --model NAME", status="skipped")
    spec, named = find_model(circumstances.model)
    if spec.weights is not None and named is None:
        return Finding(f"'{spec.name}' is inside linvt", facts={"folder": str(spec.weights)})
    source = source_of_weights(spec, circumstances.model)
    folder = find_files(source, named)
    if folder is None and source is not None:
        folder = find_any_copy(Store(), source)
    if folder is None:
        raise missing_files(spec.name)
    files = whole_weights(folder)
    size = sum(file.stat().st_size for file in files)
    return Finding(
        f"'{spec.name}' is here: {len(files)} files with {size / _GIB:.1f} GiB of weights",
        facts={"folder": str(folder), "files": [file.name for file in files], "bytes": size},
    )


def whole_weights(folder: Path) -> list[Path]:
    """Return the files of weights in a folder, each of which has the length that its head says.

    Raises:
        BackboneLoadError: if there are none, or one is missing or cut off.
    """
    from safetensors import SafetensorError, safe_open

    files = sorted({*folder.glob("*.safetensors"), *_indexed(folder)})
    if not files:
        raise BackboneLoadError(
            f"There are no weights (*.safetensors) in '{folder}'",
            hint="the folder must hold a complete copy of the model's repository",
        )
    for file in files:
        try:
            with safe_open(file, "numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise BackboneLoadError(
                f"'{file}' is missing or damaged: {error}",
                hint="the folder must hold a complete copy of the model's repository",
            ) from error
    return files


def _indexed(folder: Path) -> set[Path]:
    """Return the files that an index of weights names, where there is one."""
    index = folder / "model.safetensors.index.json"
    try:
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return {folder / Path(name).name for name in names}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise BackboneLoadError(
            f"'{index}' is damaged: {error}",
            hint="the folder must hold a complete copy of the model's repository",
        ) from error
