"""llama.cpp by its C interface. The Python layer that its package has above that, and NumPy with it, is never loaded."""

import sys
from types import ModuleType

sys.modules.setdefault("llama_cpp.llama", ModuleType("llama_cpp.llama"))  # else `import llama_cpp` would load it
