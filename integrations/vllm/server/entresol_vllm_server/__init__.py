"""A real vLLM server for tests and benches on a machine without a GPU. Not part of the package's wheel."""
