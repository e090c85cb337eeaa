"""Questions that a caption answers, for data sets that have captions and no questions."""

from __future__ import annotations

from hashlib import blake2s

CAPTION_QUESTIONS = (
    "What does the video show?",
    "Describe the video in one sentence.",
    "What happens in this video?",
    "Give a short caption for the video.",
    "Say briefly what can be seen in the video.",
    "What is going on in the video?",
    "Summarize the video in a few words.",
    "Write a brief description of the video.",
    "What is this video about?",
    "Tell in short what you see in the video.",
    "How would you describe this video in one sentence?",
    "What is shown here? Answer briefly.",
)


def caption_question(video: str, caption: str) -> str:
    """Return one of the questions: always the same for a video and its caption."""
    key = f"{video}\n{caption}".encode("utf-8", "surrogatepass")
    digest = blake2s(key, digest_size=8).digest()
    return CAPTION_QUESTIONS[int.from_bytes(digest, "big") % len(CAPTION_QUESTIONS)]
