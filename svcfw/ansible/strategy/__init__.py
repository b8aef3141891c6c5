"""The strategy plugins: ansible-core's own, with hosts of ssh led through svcfw and connected ahead."""
