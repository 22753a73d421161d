"""Texts on which components are tried: plain English, and what breaks careless code."""

from __future__ import annotations

ENGLISH = (
    "The ferry leaves the island at seven in the morning and comes back at noon.",
    "Nobody expected the small bakery to win the award two years in a row!",
    "Please send the report to the office before Friday, or call us at 555-0142.",
    "A dull plot, wooden acting, and a soundtrack that never knows when to stop.",
    "She planted 12 apple trees behind the house; only 9 of them survived the winter.",
    "Is there any reason why the second door should be locked during the day?",
    "Warm, funny and quietly moving - one of the best films of the year.",
    "Your parcel could not be delivered. Visit our web page to choose another date.",
)
"""Eight texts of about 70 characters, of the project's own making."""

ODD = (
    "a",
    "Z",
    " ",
    "\t\n",
    "7",
    "naïve café, Straße, œuvre",
    "e\u0301 and n\u0303 with combining marks",
    "👩\u200d👩\u200d👧\u200d👦 family, 👍🏽 thumb, 🇩🇪 flag, 1\ufe0f\u20e3 key",
    "x\u200dy joined, z\ufe0f varied",
    "你好，世界",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "line one\r\nline two\u2028line three\x85line four",
    "\ufeffmark, \x00 and \x7f",
    "𝒜𝓈𝓉𝓇𝒶𝓁 letters",
    "word " * 400,
)
"""One character, blanks, clusters of several code points, other scripts, line ends of all kinds, and much text."""
