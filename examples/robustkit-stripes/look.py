"""Save one image as it is and under stripes of severity 1 to 5, side by side."""

import numpy as np
import torch
from PIL import Image
from robustkit import Keys, open_layout
from robustkit_zoo.assets import ASSETS

from robustkit_stripes.params import StripesParams
from robustkit_stripes.stripes import Stripes

SAMPLE = 1400
SCALE = 4

clean = torch.from_numpy(open_layout(ASSETS / "fashion-mnist-mini", split="test").read(np.array([SAMPLE])))
keys = Keys(seed=0, stream="stripes/stripes", version=1, ids=torch.full((5,), SAMPLE))
severity = torch.arange(1, 6, dtype=torch.float64)

stripes = Stripes(StripesParams())
draws = stripes.sample(keys, clean.shape[1:], severity)
images = torch.cat([clean, stripes.apply(clean.expand(5, -1, -1, -1), draws)])

row = np.hstack(images[:, 0].numpy())
Image.fromarray(row).resize((SCALE * row.shape[1], SCALE * row.shape[0]), Image.Resampling.NEAREST).save("stripes.png")
