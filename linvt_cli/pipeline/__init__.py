"""The one path from a video and a question to an answer, and the answer as JSON."""

from linvt_cli.pipeline.conversation import Conversation
from linvt_cli.pipeline.records import SCHEMA_VERSION, error_record, to_record
from linvt_cli.pipeline.token_cache import TokenCache
from linvt_cli.pipeline.token_file import SavedTokens, write_token_file
from linvt_cli.pipeline.video_qa import VideoQA
from linvt_cli.pipeline.watched import WatchedVideo

__all__ = [
    "SCHEMA_VERSION",
    "Conversation",
    "SavedTokens",
    "TokenCache",
    "VideoQA",
    "WatchedVideo",
    "error_record",
    "to_record",
    "write_token_file",
]
