"""Firmware look-alikes with an electrochemical cell behind them."""
