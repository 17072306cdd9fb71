"""Attacks on de-identified clips: whose face, and whose voice, is it?"""
