"""The engines. `base` is the interface; `local` runs llama.cpp in child processes; `echo` is scripted, for tests."""
