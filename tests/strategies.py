"""What hypothesis draws for tests of geometry and patches."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spinefm.structures import Vertebra

few = settings(max_examples=40, deadline=None)
sides = st.integers(1, 23)
near = st.integers(-40, 40)
masks = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))
vertebrae = st.builds(Vertebra, masks.filter(np.any), st.tuples(st.integers(-15, 25), st.integers(-15, 25)), st.just((0.0, 0.0)))
