"""Reporting a registry's instruments at a regular interval."""

from .apptuit_reporter import ApptuitReporter, FlushReport, Ledger

__all__ = ["ApptuitReporter", "FlushReport", "Ledger"]
