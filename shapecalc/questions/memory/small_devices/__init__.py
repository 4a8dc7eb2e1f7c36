"""The memory of small devices: flash and SRAM apart, folded normalisations, stages in patches."""
