"""Corruption error: CE, relative CE and mCE, by a baseline."""
