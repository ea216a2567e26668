"""llama.cpp by its C interface. The Python layer of its package, and NumPy with that, is never loaded."""

import sys
from types import ModuleType

sys.modules.setdefault("llama_cpp.llama", ModuleType("llama_cpp.llama"))  # else `import llama_cpp` would load it
