from __future__ import annotations

import pytest
import torch

from linvt_cli.pipeline import VideoQA
from linvt_cli.training.tuning.learner import Study, cut
from linvt_cli.types import Turn
from tests.all_backbones import frames
from tests.training.tuning.small import NAMES, features, make_learner, study


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_of_a_batch_is_the_mean_over_its_samples(name):
    learner = make_learner(name)
    studies = [
        study(learner.backbone, "What happens?", "It runs away quickly.", num_frames=5),
        study(learner.backbone, "Why?", "No.", grid=(3, 3)),
        study(learner.backbone, "Where to, then?", "Home.", num_frames=1),
    ]
    alone = torch.stack([learner([each]) for each in studies]).mean()
    together = learner([each.weighing(each.weight / 3) for each in studies])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    learner.zero_grad()
    alone.backward()  # type: ignore[no-untyped-call]
    expected = {
        key: value.grad.clone() for key, value in learner.learnt().items() if value.grad is not None
    }
    learner.zero_grad()
    together.backward()
    for key, value in learner.learnt().items():
        torch.testing.assert_close(value.grad, expected[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layout", ["flat", "time"])
@pytest.mark.parametrize("name", NAMES)
def test_the_prompt_that_is_learnt_is_the_one_that_is_asked(name, layout):
    learner = make_learner(name, position_layout=layout)
    backbone = learner.backbone
    history = [Turn("Who is it?", "A dog."), Turn("Where?", "Home.")] if backbone.converses else []
    asked: list[list[int]] = []
    embed = backbone.embed_text

    def note(ids: list[int]) -> torch.Tensor:
        asked.append(list(ids))
        return embed(ids)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backbone, "embed_text", note)
        each = study(backbone, "What happens then?", "It runs.", history=history)
        (row,) = learner.rows(each)
        learnt_ids, asked[:] = list(asked), []
        qa = VideoQA(backbone, learner.linvt)
        watched = qa.refine("a.mp4", frames(4), each.features)
        prompt = qa.prompt(watched, "What happens then?", history)
    assert learnt_ids == asked
    assert torch.equal(row.prompt.inputs_embeds, prompt.inputs_embeds)
    assert row.prompt.inputs_embeds.requires_grad
    assert row.prompt.video_spans == prompt.video_spans
    if prompt.positions is None:
        assert row.prompt.positions is None
    else:
        torch.testing.assert_close(row.prompt.positions, prompt.positions)


def test_every_weight_has_a_gradient_even_where_there_is_nothing_to_learn():
    learner = make_learner("tiny nano")
    learner([]).backward()
    assert all(
        weight.grad is not None and not weight.grad.any() for weight in learner.learnt().values()
    )


def test_nothing_of_the_backbone_learns():
    learner = make_learner("tiny nano")
    learner.backbone.model.zero_grad()  # other tests have the same backbone, and train it
    learner([study(learner.backbone, "Why?", "No.")]).backward()
    assert all(name.startswith("linvt.") for name in learner.learnt())
    assert all(weight.grad is None for weight in learner.backbone.model.parameters())


@pytest.mark.parametrize(("most", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (4, [4, 1]), (9, [5])])
def test_studies_are_cut_into_groups_of_few_lessons(most, sizes):
    backbone = make_learner("tiny nano").backbone
    (lesson,) = study(backbone, "Why?", "No.").lessons
    seen = features(backbone.embed_dim)
    studies = [Study(seen, (lesson,) * 3), Study(seen, (lesson,) * 2)]
    groups = list(cut(studies, most))
    assert [sum(len(each.lessons) for each in group) for group in groups] == sizes


def test_nothing_is_one_empty_group():
    assert list(cut([], 3)) == [()]
