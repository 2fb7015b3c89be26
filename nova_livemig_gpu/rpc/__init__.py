"""Questions between compute hosts, over oslo.messaging."""
