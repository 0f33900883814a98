"""Bytes to core types and back; the only home of scapy."""
