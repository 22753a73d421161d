"""From run folders to models and groups compared on the same samples."""
