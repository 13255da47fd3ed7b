"""Copies that are alike and stay so: Cn, Dn, helices, assemblies."""
