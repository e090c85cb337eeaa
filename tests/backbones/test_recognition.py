from __future__ import annotations

import pytest

from linvt_cli.backbones.recognition import recognize
from linvt_cli.backbones.registry import BACKBONES, find_backbone
from linvt_cli.errors import BackboneLoadError


def test_the_row_of_the_nearest_size_is_taken_and_its_memory_scaled():
    spec = recognize("hub:me/mine", {"model_type": "qwen2_vl"}, parameters=7_000_000_000)
    nearest = find_backbone("qwen2-vl-7b")
    assert (spec.name, spec.adapter, spec.family) == ("hub:me/mine", nearest.adapter, "Qwen2-VL")
    assert spec.memory is not None
    assert nearest.memory is not None
    assert spec.memory.none == pytest.approx(nearest.memory.none * 7e9 / nearest.parameters)
    assert (spec.repo, spec.license, spec.parameters) == (None, "unknown", 7_000_000_000)


def test_every_family_of_public_models_is_recognized():
    types = ["qwen2_vl", "qwen2_5_vl", "internvl_chat", "internvl", "qwen2", "llava_onevision"]
    types += ["llava_qwen", "mipha_phi", "xgenmm", "molmo", "smolvlm"]
    found = {recognize("x", {"model_type": kind}, parameters=1).family for kind in types}
    assert found == {spec.family for spec in BACKBONES} - {"Nano"}


def test_a_model_that_needs_its_own_code_is_refused_with_that_reason():
    config = {"model_type": "evil", "auto_map": {"AutoModel": "evil.Model"}}
    with pytest.raises(BackboneLoadError, match="linvt never runs downloaded code"):
        recognize("x", config, parameters=1)


def test_an_unknown_type_is_refused_with_the_known_ones():
    with pytest.raises(BackboneLoadError, match=r"type 'None'\. Expected internvl, ") as caught:
        recognize("x", {}, parameters=1)
    assert "auto_map" not in caught.value.message
