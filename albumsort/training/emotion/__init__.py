"""How the emotion network is made: faces, fitting, calibration, evaluation."""
