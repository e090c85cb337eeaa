from __future__ import annotations

import av

from linvt_cli.video.messages import Message, listening, tell_of_damage


def test_messages_are_heard_while_listening_only():
    messages: list[Message] = []
    av.logging.log(av.logging.ERROR, "before", "not heard")
    with listening(messages):
        av.logging.log(av.logging.ERROR, "decoder", "broken")
        av.logging.log(av.logging.ERROR, "decoder", "broken")
    av.logging.log(av.logging.ERROR, "after", "not heard")
    assert [(name, text) for _, name, text in messages] == [("decoder", "broken")] * 2
    assert av.logging.get_level() is None


def test_errors_and_painted_over_frames_tell_of_damage():
    assert tell_of_damage([(av.logging.ERROR, "h264", "error while decoding MB 3 6")])
    assert tell_of_damage([(av.logging.INFO, "h264", "concealing 80 DC, 80 AC errors in P frame")])
    assert not tell_of_damage([(av.logging.INFO, "h264", "Reinit context to 160x128")])
    assert not tell_of_damage([])
