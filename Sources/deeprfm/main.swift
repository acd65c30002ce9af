import DeepRFM
import LinearAlgebra
import MPI

print("deeprfm")
