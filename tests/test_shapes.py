import sys
from types import FunctionType

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from deemo_jax.deid.video import covering
from deemo_jax.deid.video.detection.boxes import heights


def test_what_names_an_array_is_checked():
    """Also where the type has a name and comes from another module, as in `covering`."""
    assert covering in sys.modules.values()
    named = {
        function: hasattr(function, "__wrapped__")
        for name, module in list(sys.modules.items())
        for function in (vars(module).values() if name.startswith("deemo_jax.") else ())
        if isinstance(function, FunctionType) and function.__module__ == name
        if any("jaxtyping." in repr(hint) for hint in function.__annotations__.values())
    }
    assert len(named) > 10 and [f.__qualname__ for f, wrapped in named.items() if not wrapped] == []
    with pytest.raises(TypeCheckError):
        heights(np.zeros(4))
