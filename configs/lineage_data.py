"""The data of Video-LLaMA's and AffectGPT's second stage, by the names under which docs/instructions.md builds it."""

# MiniGPT-4's described pictures, LLaVA's and VideoChat's conversations: each step draws one of them, all alike.
INSTRUCTIONS = ("minigpt4", "llava", "videochat")
ARGUMENT = "data=lineage"


def taken(arguments: str) -> tuple[str, bool]:
    """The arguments of a recipe without `data=lineage`, and whether that was among them."""
    given = [one for one in arguments.split(",") if one]
    if others := [one for one in given if one.startswith("data=") and one != ARGUMENT]:
        raise ValueError(f"{others[0]!r} is no argument of this recipe; choose {ARGUMENT}, or leave it out")
    return ",".join(one for one in given if one != ARGUMENT), ARGUMENT in given
