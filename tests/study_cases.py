"""A study that trains in seconds, shared by the tests of studies and of the command line."""

__all__ = ["TINY"]

TINY = """\
name: tiny
data: {name: morphodigits, rows: 100}
mechanisms:
  image: {mechanism: conv-vae, latent: 4, local: 2, width: 8, blocks: 1}
training:
  attributes: {epochs: 3, batch_size: 32}
  images: {epochs: 3, batch_size: 32}
"""
