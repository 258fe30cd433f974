"""What runs on a server: standard library alone, plus pynvml sent along. It imports no scms."""
