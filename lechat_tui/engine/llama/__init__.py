"""llama.cpp through the C bindings of llama-cpp-python. The only package that imports `llama_cpp`.

Importing this package registers an empty module as `llama_cpp.llama`. `import llama_cpp` would load the real one, which
is the high-level Python API and needs NumPy; with the empty one in its place neither is loaded.
"""

import sys
from types import ModuleType

sys.modules.setdefault("llama_cpp.llama", ModuleType("llama_cpp.llama"))
