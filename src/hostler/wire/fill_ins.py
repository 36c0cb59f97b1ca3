"""What is said for somebody whose word a vendor demands and the conversation does not have. Knows words, no wire."""

from typing import Final

BEGIN: Final = "Begin."
"""The user's, where the assistant opens a conversation."""
HEARD: Final = "I see."
"""The assistant's, between results of tools and what the user says behind them."""
GO_ON: Final = "Go on exactly where you stopped."
"""The user's, where the beginning of an answer cannot be given."""
