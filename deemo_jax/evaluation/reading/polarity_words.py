"""Words that tell a negative from a positive emotion, for DEEMO's two labels.

The lists are of this project's own making: of English, and the labels themselves in eight more languages.
"""

import dataclasses

from deemo_jax.evaluation.reading.clauses import word_set

FEEL = word_set("feel feels feeling felt")
MOOD = word_set("mood spirits feeling feelings")


@dataclasses.dataclass(frozen=True, slots=True)
class Polarity:
    """One side.

    Attributes:
        names: inflections and translations of the label.
        words: emotions.
        adjectives: of an emotion behind "feels" or before "mood" only: a good day is no emotion.
    """

    names: frozenset[str]
    words: frozenset[str]
    adjectives: frozenset[str]

    def phrases(self) -> frozenset[str]:
        """The words, and the adjectives in phrases."""
        return self.words | {
            phrase
            for adjective in self.adjectives
            for phrase in (*(f"{verb} {adjective}" for verb in FEEL), *(f"{adjective} {noun}" for noun in MOOD))
        }


POLARITIES = {
    "negative": Polarity(
        names=word_set(
            """
            negativity negatives negatif négatif négative négatifs négatives negativo negativa negativ negatief 消极
            消極 负面 負面
            """
        ),
        words=word_set(
            """
            afraid aggravated aggressive agitated agony alarmed anger angered angrily angry anguish anguished
            annoyance annoyed anxiety anxious anxiously apprehension apprehensive ashamed bitter bitterly
            bitterness bored boredom concerned contempt contemptuous crushed dejected depressed depression despair
            desperate despondent devastated disappointed disappointment discomfort discontent discouraged
            discouragement disgust disgusted disheartened dismay dismayed displeased displeasure dissatisfaction
            dissatisfied distress distressed disturbed downcast dread embarrassed embarrassment exasperated
            exasperation fear fearful frightened frustrated frustration furious gloom gloomy glum grief grieving
            grim guilt guilty hatred heartbroken helpless helplessness hopeless hopelessness hostile hostility
            humiliated hurt impatience impatient indignant indignation insecure irritated irritation jealous
            jealousy loneliness lonely mad melancholic melancholy miserable misery moody nervous nervously
            nervousness outrage outraged pain pained panic panicked pessimism pessimistic rage regret regretful
            remorse resentful resentment resigned resignation sad sadly sadness scared shame shocked sorrow
            sorrowful stressed sullen tense tension terrified uneasiness uneasy unhappily unhappiness unhappy
            unsatisfied upset vexed worried worriedly worry
            """
        ),
        adjectives=word_set("awful bad badly dreadful foul horrible low poor poorly rotten terrible"),
    ),
    "positive": Polarity(
        names=word_set("positivity positives positif positifs positivo positiva positiv positief 积极 積極 正面"),
        words=word_set(
            """
            admiration amused amusement appreciative bliss blissful calm carefree cheer cheerful cheerfully
            cheerfulness cheery comfortable confidence confident confidently content contented contentedly
            contentment delight delighted delightedly eager ecstatic elated elation enjoying enjoyment enthusiasm
            enthusiastic enthusiastically euphoria euphoric excited excitedly excitement exhilarated fulfilled glad
            gladly gladness glee gleeful gracious grateful gratefully gratitude happily happiness happy hopeful
            inspired jolly jovial joy joyful joyfully joyous jubilant lighthearted loving merry optimism optimistic
            overjoyed passionate peaceful playful playfully pleased pleasure pride proud proudly relaxed relief
            relieved satisfaction satisfied serene thankful thankfully thrilled triumph triumphant upbeat
            """
        ),
        adjectives=word_set("amazing awesome brilliant fantastic fine good great lovely nice well wonderful"),
    ),
}
