"""How others' clients ask for predictions: MLflow's scoring protocol, and the Open Inference Protocol."""
