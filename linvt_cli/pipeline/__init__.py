"""The one path from a video and a question to an answer, and the answer as JSON."""

from linvt_cli.pipeline.records import SCHEMA_VERSION, error_record, to_record
from linvt_cli.pipeline.video_qa import VideoQA
from linvt_cli.pipeline.watched import WatchedVideo

__all__ = ["SCHEMA_VERSION", "VideoQA", "WatchedVideo", "error_record", "to_record"]
