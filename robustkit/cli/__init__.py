"""The command line. Nothing imports it; it imports heavy layers only inside the commands that need them."""
