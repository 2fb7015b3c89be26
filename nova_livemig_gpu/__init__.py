"""GPU-aware, budget-keeping live migration for OpenStack Nova."""
