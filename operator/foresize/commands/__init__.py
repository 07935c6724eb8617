"""What people run: `foresize run`, `explain`, `replay`, `release`."""
