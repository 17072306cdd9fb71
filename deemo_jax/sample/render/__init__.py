"""Speakers, room and movement drawn; frames and sound written as a phone would."""
