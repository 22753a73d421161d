"""What metrics of representations share: vectors of layers, a bounded choice of samples, the last linear layer."""
