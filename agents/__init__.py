"""Who acts: world models, value functions, planners, training, and their contracts.

The public names come from here (`from turncoat.agents import Agent`); `__init__.pyi` lists them. Each is imported from
its module when it is first asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
