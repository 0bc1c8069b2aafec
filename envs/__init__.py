"""What a scenario means: worlds, stepped, enumerated and solved.

The public names come from here (`from turncoat.envs import compile_world`); `__init__.pyi` lists them. Each is imported
from its module when it is first asked for, so that reading a scenario loads neither Numba nor torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
