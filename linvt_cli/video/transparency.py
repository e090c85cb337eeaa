"""Pictures that can be seen through: they lie on black, as stills do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.video.format import VideoFormat


def may_be_seen_through(form: VideoFormat | None) -> bool:
    """Whether pixels of a format say how opaque they are, each or by the table of its colours."""
    if form is None:
        return False
    return form.has_palette or any(component.is_alpha for component in form.components)


def on_black(layer: np.ndarray) -> np.ndarray:
    """Put pixels with their opacity on black: (…, 4) uint8 RGBA -> (…, 3) uint8 RGB."""
    opacity = layer[..., 3:].astype(np.uint16)
    lying: np.ndarray = ((layer[..., :3] * opacity + 127) // 255).astype(np.uint8)
    return lying
