"""What a program that uses the library starts from: its Router and `main`. Controller; imports svcfw.transport."""
