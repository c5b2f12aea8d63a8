"""Models as files of other kinds: joblib, ONNX, a Python program, SQL, a card for people."""
