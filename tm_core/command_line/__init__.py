"""The command `tm`: parsing, rendering, and the kernel's own verbs."""
