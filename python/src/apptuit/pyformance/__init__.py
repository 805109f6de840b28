"""Reporting a registry's instruments at a regular interval."""

from .apptuit_reporter import ApptuitReporter

__all__ = ["ApptuitReporter"]
