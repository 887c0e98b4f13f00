"""The print centre (打印中心): registers, spines and lists, as pages and as sealed files."""
