"""A conversation about a video: a question may lean on what was asked and answered before it.

The video is looked at once. What is done anew for each question is what depends on it: its video
tokens, and the prompt with the turns before it. The KV cache of an earlier prompt is not taken up
again: where LinVT weighs the video for each question, no two prompts begin alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from linvt_cli.config import GenerationConfig
from linvt_cli.generation.prompt import latest_that_fit
from linvt_cli.types import Answer, Turn

if TYPE_CHECKING:
    from linvt_cli.pipeline.video_qa import VideoQA
    from linvt_cli.pipeline.watched import WatchedVideo


class Conversation:
    """Questions about one video, each read with the turns before it.

    A backbone that was trained on single questions (nano) reads each alone; then turns are kept
    all the same. Where the model's context is too short for all turns, the oldest are left out. An
    answer that was broken off is a turn like others, unless it is empty.

    Args:
        qa: answers. May be replaced in the middle of a conversation, together with ``watched``.
        watched: the video; may be replaced, as by another part of it.
        generation: how answers are generated.
        turns: what was said before, oldest first.
    """

    def __init__(
        self,
        qa: VideoQA,
        watched: WatchedVideo,
        generation: GenerationConfig | None = None,
        *,
        turns: Sequence[Turn] = (),
    ) -> None:
        self.qa = qa
        self.watched = watched
        self.generation = generation or GenerationConfig()
        self.turns = list(turns)
        self.num_left_out = 0  # of the turns, for the last answer

    def history(self, question: str) -> tuple[Turn, ...]:
        """Return the turns that the model reads before a question, oldest first.

        Raises:
            ConfigError: if the question is empty.
        """
        if not (self.turns and self.qa.backbone.converses):
            return ()
        video_tokens = self.qa.condense(self.watched, question, self.turns)
        return latest_that_fit(
            self.qa.backbone,
            len(video_tokens.tokens),
            question,
            self.watched.place(video_tokens, self.qa.tokenizer.position_layout),
            self.turns,
            room=self.generation.max_new_tokens,
        )

    def ask(
        self,
        question: str,
        *,
        on_text: Callable[[str], None] = lambda _: None,
        interrupted: Callable[[], bool] | None = None,
    ) -> Answer:
        """Answer the next question.

        Args:
            question: anything but white space.
            on_text: told each piece of the answer as it is generated.
            interrupted: asked before each token; True ends the answer where it is.

        Raises:
            ConfigError: if the question is empty.
            ContextLengthError: if the question alone does not fit into the model's context.
            OutOfMemoryError: if the device runs out of memory.
        """
        history = self.history(question)
        self.num_left_out = len(self.turns) - len(history) if self.qa.backbone.converses else 0
        answer = self.qa.ask(
            self.watched,
            question,
            self.generation,
            history=history,
            on_text=on_text,
            interrupted=interrupted,
        )
        if answer.text:
            self.turns.append(Turn(question, answer.text))
        return answer
