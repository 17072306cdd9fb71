"""Word lists of the text rules: what is no name though it may stand with a capital, and what is a place or a name.

All are lower case. They are short on purpose: the rules look at capitals and neighbours first. At the end stands in how
many ways one letter may be written.
"""

import re


def word_set(text: str) -> frozenset[str]:
    """The words of a text, at blanks."""
    return frozenset(text.split())


# Words that begin sentences or are written with capitals for stress. A name that is also such a word ("Will", "Hope")
# is found by its neighbours only.
COMMON = word_set(
    """
    a able about above absolutely after afterwards again against ago agreed ah alone along already alright also although
    always am amazing among an and angry another any anybody anyone anything anyway apart apparently are aren't around
    art as ashamed ask at away awesome awful baby back bad bang based be bear beat beating beautiful because been before
    behind being believe below beside besides best better between beyond big bill bit bless both boy boys break bring
    brilliant bro broken brother brothers but by bye bless calm can can't cannot care champions champion cheers
    children christmas clearly coach come comfort congratulations cool could couldn't couple courage crap crowd crushed
    cry crying dad day days dead dear definitely delighted despair despite devastated did didn't disappointed disaster
    disbelief disgust do doctor does doesn't doing don't done double down dream during each easter easy eight either
    else emotion emotions end enjoy enough especially even evening ever every everybody everyone everything exactly
    excited excuse faith fair fair family fans fantastic far fear feel feeling few fight final finally fine first five
    follow for forget forgive forever four frankly friday friend friends from frustrated full fun further game games
    girl girls give given glad glory go goal goals god going gone good goodbye goodness got grace grateful great grief
    gutted guys had half happiness happy hard hardly has hasn't hate have haven't having he he'd he'll he's hearts
    heartbroken heaven hell hello help hence her here here's hers herself hey hi him himself his honestly hope hopefully
    hopeless how how's however hug huge hurt hurts i i'd i'll i'm i've if imagine important in incredible indeed inside
    instead internet into is isn't it it'd it'll it's its itself jealous jesus job joy just keep kids kind know ladies
    last lastly late lately later laughter less lesson let let's life like likewise listen little lonely long look lord
    losing loss lost lots loud love lovely luck luckily lucky mad made make man many march mark match maybe may me mean
    meanwhile men mercy merry might mind mine miss moment monday money more moreover morning most mother mum mom much
    must my myself near nearly neither nerves nervous never nevertheless new next nice nice night nine no nobody none
    nonsense nor normally not nothing now nowhere obviously of off often oh ok okay old on once one ones only onto open
    or other others otherwise ouch our ours ourselves out outside over overall overjoyed own pain panic passion patience
    peace people perhaps personally plain play played players playing please pleased plenty plus poor practice praise
    prayers pressure pride probably proud quick quiet quite rage rather ready real really relief relieved respect rest
    right rough sad sadly sadness same saturday say scared second see seeing seems seriously seven shall shame she she'd
    she'll she's shock shocked should shouldn't shut silence similarly simply since sir sister sisters six small smile
    smiles so some somebody somehow someone something sometimes somewhere soon sorrow sorry speaking spirit sport stay
    still stop strange strength stress strong stuff stupid such suddenly sunday support supporters sure surely surprise
    surprised surrounded take talk talking tears team teammates tell tells ten tennis terrible than thank thankful
    thankfully thanks that that'd that'll that's the their theirs them themselves then there there's therefore these
    they they'd they'll they're they've thing things think third this those though three thrilled through throughout
    thursday thus tie till time times tired to today together tomorrow tonight too top totally touched toward towards
    tough tournament training true trust truth try trying tuesday tv twice two ugh under understand unfair
    unfortunately unless unlike until up upset us use used usually very victory wait walking want was wasn't watch
    watching way we we'd we'll we're we've wednesday week well went were weren't what what'd what's whatever when
    whenever where where's whereas wherever whether which while whilst who who's whoever whole whom whose why wife will
    win winning wish with within without woman women won won't wonder wonderful words work working world worried worry
    worst would wouldn't wow wrong yeah year years yep yes yesterday yet you you'd you'll you're you've young your yours
    yourself yourselves zero
    """
)

# Common words that are names where a capital stands within a sentence.
NAMES_TOO = word_set(
    """
    art best bill bliss case chance christian day faith fair final glory grace grant hope hunt joy king law little long
    love luck lucky march mark may mercy miles noble patience price pride quick rich rose self sharp small spirit stone
    strange strong sunday sure true victory walker west will winning wise wish woods young
    """
)

# What stands before a comma where a sentence begins and calls nobody, beside the common words.
UNCALLED = word_set(
    """
    ace aces afternoon aha ahem ahh altogether amen anger anxiety anyways argh arguably artists assuming athletes aw aww
    baffled balls beforehand bizarre blimey boom boss bravo breakfast breathe buddy busy career careful champ champs
    chaos characters cheeky chief citizens clever coaches coffee colleagues comrades consequently contrary correct crazy
    cruel curious dammit damn damned danger darling date daytime defeat defence degree delight dinner disgusted
    doubles doubt drained dude dunno eager eh elsewhere embarrassed empty energy envy er erm esteemed exhausting failure
    fame famous fathers fellows firstly fitness focus folks food footwork forehand backhand form fortunate frustrating
    frustration funny gee gents gentle gentlemen gloom gold gosh gradual granted gratitude guess guilt guilty gym ha
    haha hatred headlines healthy hi hiya hmm hm holidays home homework honest honey honour horrible horrific hours
    hooray humble hungry hurrah hurray hurrying hush inevitable injuries injury innocent instinct insane interesting
    ironic journalists joyful judging kiddo kindness kudos lad lads lesser likely listeners loneliness lunch madness
    magic mate mates medals media mentor mm mmm moments months moreso motivation music mummy daddy nah namely naturally
    near negative neutral nerve nope notably nothingness numb nuts oddly offence officials omg ooh oof oops opponents
    optimism optimistic overall overnight overwhelmed pardon parents partly pathetic patient peaceful personal phew
    players pleasure politics positive positives powerless precise preparation press prize promise psychology punishment
    purpose puzzled question questions quitters rain rankings recently recovery referees regardless regret rejection
    relaxed reporters resilience respectful restless results ridiculous rivals routine rubbish rude sacrifice safe scary
    school seconds secondly selfish sets shattered shy sick silent silly silver simple skill sleep slow smart snow soft
    someday sore sound spectators speechless sportsmanship spring squad stamina strategy struggle stunned success summer
    autumn winter surprising sweat sweet sweetheart sweetie tactics talent technique tender tense tension terrified
    thereafter thereby thirdly thirsty thoughts thrilling tiebreak timing tonight topic torn tragic travel trophies
    trouble truthful uh um umm unbelievable uncertain unless unreal unsure upbeat viewers violence visibility vital
    volleys voila warm watchers weak weary weather weird weeks weekend weekends whatsoever whew whoa whoever wild wise
    worn worries worthless wounded writers yay yea yeh yesterday yikes yo yum yup zilch
    """
)

MONTHS = word_set(
    """
    january february march april may june july august september october november december
    jan feb mar apr jun jul aug sept sep oct nov dec
    """
)
WEEKDAYS = word_set("monday tuesday wednesday thursday friday saturday sunday")

# Countries, their people and large cities that are no other English word; found in any case.
PLACES = word_set(
    """
    afghan afghanistan albania albanian algeria algerian america american amsterdam argentina argentine argentinian
    armenia armenian athens auckland australia australian austria austrian azerbaijan baghdad bangkok bangladesh
    barcelona beijing beirut belarus belarusian belgian belgium belgrade berlin birmingham bogota bolivia bosnia bosnian
    boston brazil brazilian brisbane britain brussels bucharest budapest bulgaria bulgarian cairo calgary california
    cambodia cameroon canada canadian caracas chicago chile chilean chinese cincinnati colombia colombian copenhagen
    croatia croatian cuba cuban cyprus czech dallas damascus delhi denmark detroit dhaka doha dubai dublin ecuador
    edinburgh egypt egyptian england estonia estonian ethiopia ethiopian europe european finland finnish florida france
    frankfurt geneva german germany ghana glasgow greece guatemala haiti hamburg hanoi havana helsinki honduras
    hungarian hungary iceland india indian indonesia indonesian iran iranian iraq iraqi ireland israel israeli istanbul
    italian italy jakarta jamaica jamaican japan japanese jerusalem johannesburg karachi kazakhstan kenya kenyan korea
    korean kuwait lagos latvia latvian lebanese lebanon leeds libya lima lisbon lithuania lithuanian liverpool london
    luxembourg lyon macedonia madrid malaysia manchester manila marseille melbourne mexican mexico miami milan moldova
    monaco mongolia montenegro montreal moroccan morocco moscow mumbai munich nairobi naples nepal netherlands nigeria
    nigerian norway norwegian oslo ottawa pakistan pakistani palestine palestinian panama paraguay paris perth peru
    peruvian philippines poland portugal portuguese prague qatar quebec romania romanian rome russia russian rwanda
    santiago sarajevo saudi scotland scottish seattle senegal seoul serbia serbian shanghai singapore slovak slovakia
    slovenia slovenian somalia spain spaniard spanish stockholm stuttgart sudan sweden switzerland sydney syria syrian
    taiwan tanzania tehran texas thailand tokyo toronto tunisia turin turkish uganda ukraine ukrainian uruguay
    uzbekistan vancouver venezuela venezuelan vienna vietnam vietnamese wales warsaw washington wimbledon yemen zagreb
    zambia zimbabwe zurich
    """
)

# What stands before a colon where somebody speaks or something is announced, beside the common words: it names nobody.
LABELS = word_set(
    """
    anchor announcer answer applause audience author brother caller captain caption captions chair champion cheers
    chorus coach commentator conclusion correction crew crowd daughter director doctor editor example expert fact fan
    fans father female following guest headline host interpreter interviewee interviewer journalist judge laughter
    lesson male man manager men moderator mother music narrator news note observer officer operator opponent others
    participant patient person photographer player point presenter problem producer pupil question quote reason referee
    reply reporter respondent response result results score silence sister son speaker spectator spoiler spokesman
    spokesperson spokeswoman staff statement student subject subtitle subtitles summary teacher teammate therapist title
    trainer transcript translation translator umpire unidentified unknown update verdict video viewer voice voiceover
    warning witness woman women
    """
)

# What else a sentence about people begins with: how they hold themselves and sound, what happened. It is nobody's name.
SUBJECTS = word_set(
    """
    abuse addiction adrenaline advice agenda agony alcohol ambition anguish appetite applause arm arms aside attention
    attitude audio background backlash bail balance ball baseball basketball behavior behaviour blame blood body boredom
    brain breath brows business camera cancer cash change chapter charity childhood college commitment communication
    community compassion competition concentration confidence consistency contact content context cricket culture
    curiosity day death debt depression desperation details dialogue discipline disclaimer discomfort distance divorce
    driver duty education effort ego elbow embarrassment enthusiasm everyday experience expression eye eyebrows eyes
    face facebook faces failure family fatigue fear feet fifth finger fingers fists football forehead fourth freedom
    friendship frown future fyi gait gaze gesture glance goal golf google government grip growth habit hair half hand
    hands head heads health heart hindsight hips history hockey humiliation humility humor humour image imagine income
    info insecurity instability instagram insurance intensity internet intonation jaw jealousy judgement judgment jury
    key knee knees knowledge language law leadership leg legs leisure life line lip lips location loyalty machine makeup
    management marriage maths maturity media medicine memory mind minute misery mistake mister momentum mood mouth
    movement nature nb neck netflix noise nose nostalgia nutrition opportunity optimism outcome pace palms paper part
    parts past patience pattern pause perseverance persistence pessimism phone pitch poker police posture poverty power
    practice praise prayer preparation presence pressure progress proof prosody protest ps public rage reaction reality
    reason reasoning recap redemption religion remark remarks remember remorse research resentment resignation
    resistance respect responsibility revenge rhythm rugby scene section security selection self-doubt service shame
    shock shot shoulder shoulders sidenote sign sixth sleep smile smiling soccer society somebody something speech speed
    spoilers sport stability stage stance stress stuff suicide support surgery swimming symptom take talk teaching team
    teamwork tear television temper tempo tenderness tennis testing theory therapy thinking tiktok timbre time tldr tone
    topic traffic training trauma treatment trust truth twitter understanding unease uneasiness urgency vanity vengeance
    version video visual voices volleyball volume vulnerability war water weakness wealth whatever whatsapp whichever
    winner withdrawal word words work worry wrath wrist youth youtube zoom
    """
)

# What pseudonyms are made of.
ID_WORDS = word_set(
    """
    actor adult alpha anon anonymous athlete audio beta cam camera case chunk class clip cohort control corpus cut
    data dataset delta dev disc eval female file film fold footage frame gamma group guest host iid index interview
    interviewee interviewer item male man mov movie mp4 negative neutral null part participant patient person persona
    pid player positive pseudonym rec record recording row sample samplenew scene seg segment sess session set shot
    source speaker split spk subj subject sub take talk test tester track train trial unknown user utt utterance val
    valid vid video view voice volunteer woman
    """
)

# Acronyms that identify nobody.
ACRONYMS = word_set(
    "tv ok usp dvd cd pc phd mri mvp var pr cv gps diy faq asap lol omg tbh imo wtf dj mc vip ceo cfo it ai hr uv"
)

# What may stand within a name or be left out.
APOSTROPHES = frozenset("'’‘‛ʼʻʹ`´′＇")
JOINTS = APOSTROPHES | frozenset("-‐‑‒–−﹣－.·‧・")
# After an apostrophe these end a contraction or a possessive, and no name: "she'll" is not "Shell".
CLITICS = frozenset(("s", "ll", "m", "re", "ve", "d", "t"))
# Thai, Lao, Myanmar, Hangul, Khmer, kana and Han: (first, last) of their blocks.
UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x11FF), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x318F), (0x31F0, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
# Two letters of these say as much as three of an alphabet.
DENSE = re.compile("[\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]{2,}")
# Letters that Unicode does not take apart, and letters that are written out in more than one way.
LETTERS: dict[str, tuple[str, ...]] = {
    "ł": ("l",), "đ": ("d", "dj"), "ø": ("o", "oe"), "ı": ("i",), "æ": ("ae",), "œ": ("oe",), "ß": ("ss",),
    "þ": ("th",), "ð": ("d", "dh"), "ħ": ("h",), "ŧ": ("t",), "ŋ": ("ng", "n"), "ə": ("a", "e"),
    "å": ("a", "aa"), "ä": ("a", "ae"), "ö": ("o", "oe"), "ü": ("u", "ue"),
}  # fmt: skip
