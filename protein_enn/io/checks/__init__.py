"""Checks of a structure as read: gaps, missing atoms, implausible coordinates."""
