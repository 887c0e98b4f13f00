"""The paper of the transition: its codes and labels, registers, import, what may go (R16, R19)."""
