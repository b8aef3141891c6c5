"""Entry points of a program that uses the library: its Router and `main`. Controller; imports svcfw.transport."""
