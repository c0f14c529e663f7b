import os

process = os.getpid()
