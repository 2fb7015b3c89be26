"""What the Nova API and scheduler load: extra specs, filters, weigher."""
