"""What the mission's rows share: a row ends in holds() or fails(), said in one line."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../lib'))
ROW = os.path.basename(sys.argv[0])[:3]


def holds(text):
    print(f'{ROW} holds: {text}')
    sys.exit(0)


def fails(text):
    print(f'{ROW} fails: {" ".join(str(text).split())}')
    sys.exit(1)


def cannot(text):
    print(text)
    sys.exit(77)
