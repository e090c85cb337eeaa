"""Training on the device: LinVT and a LoRA for image-LLMs, and nano's own stages."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from linvt_cli.pipeline import VideoQA, precision
from linvt_cli.training import image_stage, linvt_stage
from linvt_cli.training.tuning.metrics import StepMetrics, read_metrics
from linvt_cli.training.tuning.run import Observer, run_tuning
from linvt_cli.training.tuning.settings import LoraShape, Optimization
from tests.training.tuning.small import settings_of, write_data

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("layout", ["qwen2-vl", "internvl2 with qwen2", "molmo 7b-d"])
def test_both_stages_learn_and_go_on_after_an_end(
    layout, checkpointing, tmp_path, device, monkeypatch
):
    # Tiny files under the names of large models
    monkeypatch.setattr(precision, "free_memory", lambda device: 2**40)
    settings = settings_of(
        layout,
        tmp_path,
        write_data(tmp_path, 2),
        optimization=Optimization(
            num_steps=10,
            batch_size=2,
            learning_rate=1e-2,
            save_every=4,
            gradient_checkpointing=checkpointing,
        ),
        lora=LoraShape(rank=4, alpha=8, dropout=0.0),
        device=device.type,
        cache_features=tmp_path / "features",
    )

    def stop(metrics: StepMetrics) -> None:
        if (metrics.stage, metrics.step) == ("instruct", 5):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tuning(settings, Observer(on_step=stop))
    folder = run_tuning(settings)
    losses = [each.loss for each in read_metrics(settings.run_dir) if each.stage == "instruct"]
    assert len(losses) == 10
    first, last = losses[0], losses[-1]
    assert first is not None
    assert last is not None
    assert last < first
    for place in {device.type, "cpu"}:
        qa = VideoQA.load(settings.model, weights=settings.weights, checkpoint=folder, device=place)
        qa.sampling = type(qa.sampling)(num_frames=4)
        assert qa.ask(tmp_path / "0.mp4", "What is it?").stats.num_generated_tokens


@pytest.mark.timeout(600)
def test_nanos_recipe_runs_to_its_end(tmp_path, device):
    from linvt_cli.training.recipe import NanoRecipe, run_recipe

    lines: list[str] = []
    folder = run_recipe(
        tmp_path, NanoRecipe().scaled(0.002), device=device, on_progress=lines.append
    )
    assert (folder / "linvt" / "model.safetensors").is_file()
    assert any(line.startswith("joint: step") for line in lines)


@pytest.mark.timeout(600)
def test_an_ablation_runs_to_its_table(tmp_path, device):
    from linvt_cli.training.ablation.clip_sets import AblationRecipe
    from linvt_cli.training.ablation.run import AblationChoice, run_ablation

    table = run_ablation(
        tmp_path,
        AblationRecipe().scaled(0.02, 2),
        AblationChoice(num_seeds=1),
        device=device,
        on_progress=lambda _: None,
    )
    assert "official" in table.read_text(encoding="utf-8")


def test_a_step_of_each_stage_has_the_loss_of_the_cpu(device, monkeypatch):
    from linvt_cli.backbones.nano import Nano
    from linvt_cli.backbones.nano_model import load_nano
    from linvt_cli.backbones.registry import find_backbone
    from linvt_cli.training.coverage_stage import CoverageStage
    from linvt_cli.training.examples import ClipBank
    from linvt_cli.training.features import NUM_FRAMES, ClipSet, FeatureCache
    from linvt_cli.training.image_stage import ImageStage
    from linvt_cli.training.linvt_stage import LinVTStage
    from linvt_cli.training.schedule import MAX_THINGS
    from linvt_cli.video_tokenizer.checkpoint import load_checkpoint

    # Each device draws noise of its own.
    for stage_module in (image_stage, linvt_stage):
        monkeypatch.setattr(stage_module, "disturb", lambda normal, _: normal)
        monkeypatch.setattr(stage_module, "disturb_each", lambda normal, *_: normal)
    shipped = find_backbone("nano").weights
    assert shipped is not None
    rng = np.random.default_rng(0)
    cells = 36
    features = rng.normal(size=(8, NUM_FRAMES, cells, 768)).astype(np.float16)
    cover = np.zeros((8, NUM_FRAMES, MAX_THINGS, cells), np.uint8)
    cover[:6, :, 0, 1] = 255
    cache = FeatureCache(features, cover, ClipSet("train", 0, num_clips=6, num_foreign=2))
    losses: dict[str, list[float]] = {}
    for place in (torch.device("cpu"), device):
        model, tokenizer = load_nano(shipped)
        nano = Nano(model, tokenizer, device=place, dtype=torch.float32)
        bank = ClipBank(nano, cache)
        linvt = load_checkpoint(
            shipped / "linvt", backbone_name="nano", embed_dim=192, device=place,
            dtype=torch.float32,
        )  # fmt: skip
        torch.manual_seed(0)
        image = ImageStage(nano, bank, bank, num_steps=4, num_tokens=80, batch_size=4)
        stages = (
            image,
            CoverageStage(nano, linvt, bank, bank, num_steps=4, batch_size=4),
            LinVTStage(
                nano, linvt, bank, bank, name="linvt", num_steps=4, batch_size=3,
                readers=image.readers,
            ),
        )  # fmt: skip
        for stage in stages:
            losses.setdefault(stage.name, []).append(float(stage.loss(1)))
    for name, (cpu, found) in losses.items():
        assert found == pytest.approx(cpu, rel=2e-3), name
