"""The desk in containers: how it is described, and how it behaves when they are killed, rolled and scaled."""
