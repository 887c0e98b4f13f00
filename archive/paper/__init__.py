"""The paper of the transition: codes, labels, registers, import (R16, R19)."""
