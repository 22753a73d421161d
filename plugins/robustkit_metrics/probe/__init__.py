"""What a linear classifier still reads off features: linear probes, coarse-to-fine transfer."""
