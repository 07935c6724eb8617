"""What people ask for: policies, settings, and how their texts become values."""
