"""How the emotion network is trained: faces, fitting, calibration, evaluation."""
