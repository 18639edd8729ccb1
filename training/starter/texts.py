# SPDX-License-Identifier: Apache-2.0
"""Queries that the script makes itself: variations of CLINC150's, queries beyond its intents, questions about Hearth."""
import random

import slots

# Words and phrases that mean the same in a command. A variation swaps some.
SAME = [group.split("|") for group in """
car|vehicle|auto
vacation|holiday|time off
paycheck|salary|pay
show me|list|display|pull up|bring up
tell me|let me know|give me|inform me
what is|what's|whats
i want to|i wanna|i'd like to|i would like to|i need to
i need|i want|i would like|i'd like|i require
can you|could you|would you|will you|are you able to
please|kindly
how much|what amount of
how long|how much time
find out|figure out|look up|check
buy|purchase|order|get
begin|start
stop|end|quit
help|assist|aid
song|track|tune
music|songs
movie|film
phone|cell phone|mobile
cash|money
bill|invoice
meal|dish
restaurant|eatery|diner|place to eat
store|shop|market
trip|travels|journey
flight|plane
hotel|motel|inn
luggage|baggage|bags|suitcase
lost|misplaced|can't find
stolen|taken|swiped
broken|damaged|busted
repair|fix
quick|fast|rapid
large|big|huge
small|little|tiny
change|switch|alter|modify
set|set up|create|make
delete|remove|erase|take off
add|put|include|insert
cancel|call off|drop
book|reserve
reservation|booking
meeting|appointment
schedule|calendar|agenda
remind me|give me a reminder
wake me|wake me up|get me up
tomorrow|the day after today
directions|the way|the route
near|close to|around|by
speak|talk
louder|more loudly
quieter|softer
name|title
joke|funny story
correct|right|true
wrong|incorrect|false
thanks|thank you
hello|hi|hey|howdy
goodbye|bye|see you|farewell
credit card|card
limit|maximum
raise|increase|up
lower|decrease|reduce
rate|percentage
fee|charge|cost
fraud|fraudulent|suspicious
transfer|move|send
account|bank account
spend|spent
owe|have to pay
due|payable
expire|run out
replacement|new one
insurance|coverage|health plan
employer|company|job
form|document|paperwork
tire|tyre|tires
oil|motor oil
gas|fuel|petrol
traffic|congestion
weather|forecast
temperature|temp
cook|prepare|make
recipe|instructions
ingredients|components
substitute|replace|swap
healthy|good for you|nutritious
calories|calorie count
spell|write out
define|explain the word
mean|signify
translate|say
time zone|timezone
vaccine|vaccination|shot
visa|travel visa
socket|outlet|plug
exchange rate|conversion rate
device|gadget
turn on|switch on
turn off|switch off
repeat|say again
""".strip().split("\n")]
FRONT = ["please ", "hey ", "hi ", "ok ", "so ", "can you ", "could you ", "i need you to ", "hey there, ", "um ", "alright ", "hello, ", "quick question, "]
BACK = [" please", " thanks", " for me", " now", " right now", " if you can", " thank you", " asap", ", please", " today"]


def swap(query, draw):
    """One group's phrase for another of the same group."""
    padded = f" {query} "
    hits = [(phrase, group) for group in SAME for phrase in group if f" {phrase} " in padded]
    if not hits:
        return query
    phrase, group = draw.choice(hits)
    return padded.replace(f" {phrase} ", f" {draw.choice(group)} ", 1).strip()


def misspell(query, draw):
    at = draw.randrange(len(query))
    kind = draw.randrange(3)
    if kind == 0:
        return query[:at] + query[at + 1:]
    if kind == 1 and at + 1 < len(query):
        return query[:at] + query[at + 1] + query[at] + query[at + 2:]
    return query[:at] + query[at] + query[at:]


def vary(query, intent, draw: random.Random):
    """The same command in other words: what it wants stays, what a rule finds in it is found by the rule again."""
    for start, end, slot in reversed(slots.spans(query, intent)):
        if draw.random() < 0.5:
            query = query[:start] + slots.another(slot, query[start:end], draw) + query[end:]
    for _ in range(2):
        if draw.random() < 0.4:
            query = swap(query, draw)
    if draw.random() < 0.15:
        query = draw.choice(FRONT) + query
    if draw.random() < 0.1:
        query += draw.choice(BACK)
    words = query.split()
    if draw.random() < 0.3 and len(words) > 4:
        kept = [word for word in words if draw.random() > 0.12]
        query = " ".join(kept or words)
    if draw.random() < 0.08 and len(query) > 8:
        query = misspell(query, draw)
    if draw.random() < 0.25:
        query += draw.choice(["?", ".", "!", "?"])
    return query


THINGS = ("photosynthesis|black holes|the french revolution|inflation|quantum physics|machine learning|the roman empire|democracy|"
          "the stock market|volcanoes|dinosaurs|vaccination history|jazz|chess openings|the olympic games|poetry|the moon|electricity|"
          "world war two|evolution|gravity|solar panels|dna|bitcoin|climate change|the renaissance|penguins|tides|"
          "the great wall|opera|basketball|the solar system|antibiotics|ancient egypt|neural networks|cathedrals|earthquakes").split("|")
PEOPLE = ("albert einstein|shakespeare|napoleon|marie curie|the president|the prime minister|beyonce|tom hanks|mozart|isaac newton|"
          "cleopatra|elon musk|the queen|michael jordan|taylor swift|leonardo da vinci|charles darwin|picasso|gandhi|serena williams").split("|")
OBJECTS = ("a bridge|a rocket|a violin|a garden|a fence|an essay|a novel|a website|a spreadsheet|a table|a dog house|a boat|a painting|"
           "a telescope|a budget plan|a business|a podcast|a birdhouse|a startup|a treehouse").split("|")
TEAMS = "the lakers|the yankees|manchester united|real madrid|the patriots|the cubs|the warriors|bayern|the packers|the red sox".split("|")
COMPANIES = "apple|google|microsoft|amazon|tesla|netflix|ford|boeing|disney|nike|walmart|intel|facebook|general electric|sony".split("|")
FORMS = "a poem|a story|an essay|a song|a letter|a haiku|a speech|a python function|an email|a summary|a short play|a sql query|a bash script".split("|")
BEYOND = """who {invented} {thing}|explain {thing} to me|how does {thing} work|write {form} about {thing}|what do you think about {thing}
when did {thing} begin|why is {thing} important|tell me about {thing}|what is the history of {thing}|give me five facts on {thing} for my class
who is {person}|how old is {person}|where was {person} born|what is {person} known for|is {person} still alive|how tall is {person}
what movies has {person} been in|who is {person} married to|what did {person} write|how rich is {person}|when did {person} die
how do i build {object}|what tools do i need to make {object}|design {object} for me|how much does it cost to build {object}|is it hard to make {object}
did {team} win last night|what is the score of the game with {team}|who plays for {team}|when do {team} play next|how many titles do {team} have
who is the ceo of {company}|what is the stock price of {company}|how many people work at {company}|should i invest in {company}|where is {company} based
when was {company} founded|how is {company} stock doing today|is {company} hiring|who owns {company}|what does {company} make
what is the capital of {place}|how many people live in {place}|who governs {place}|what is the area of {place}|is {place} bigger than {place2}
what language do they speak in {place}|how expensive is it to live in {place}|what is the crime rate in {place}|how did {place} get its name
how far is the sun from the earth|why is the sky blue|how many planets are there|what is the tallest mountain|how deep is the ocean|which animal is fastest
can you fix my python code|write a loop in c++|prove that the square root of two is irrational|solve this equation for x|summarize this article|refactor this class
who won the election|what are the latest news|what are the headlines|what is on tv tonight|when does the mall open
how do i lose weight|what exercises are good for my back|how do i train my dog|how do i get rid of ants|what are the symptoms of the flu|do i have a fever
how do i tie a tie|what should i wear to a wedding|how do i clean a carpet|how do i paint a wall|how do i fix a leaky faucet|how do i change a light bulb
how do i open a business account|can i get a loan for a house|how do i sue my bank|what is the gdp of {place}|when will interest rates fall in {place}
recommend a good book|what is a good gift for a teenager|which phone should i buy|what laptop is best for games|find me a babysitter|where can i adopt a cat
how do i learn the guitar|what college should i go to|how do i write a resume|what jobs pay the most|how do i study for an exam|help me with my homework
translate this contract into legal terms and list every clause|analyse the attached report|compare {thing} and {thing2}|argue against {thing}|debate {thing} with me
tell me a bedtime story|play a game with me|let us talk about {thing}|i feel sad today|my girlfriend left me|what is your opinion on {person}
what is the best way to learn about {thing}|list the causes of {thing}|who discovered {thing}|outline a lecture on {thing}|what would happen without {thing}
how are bridges made|where do babies come from|is there life on mars|can dogs eat grapes|why do cats purr|do fish sleep|how long do turtles live
asdf qwer zxcv|blah blah blah|lorem ipsum dolor sit amet|the quick brown fox|1234567890|hmm well you know how it is|purple monkey elephants sing""".replace("\n", "|").split("|")
ABOUT = """what is hearth|tell me about hearth|what does hearth do|what can hearth do|who is hearth for|explain hearth|how does hearth work|is hearth free
how do i get a bigger model|how do i pull a model|how can i download a model|how do i install another model|which models can hearth run|pull a bigger model
can i use a larger model|i want a better model|where do i get models for hearth|how do i run llama in hearth|how do i add a model|get me a smarter model
what model are you|which model is this|what is starter|are you starter|how big is this model|how many parameters do you have|how big are you|are you llama
how do i use hearth with the cloud|does hearth send my data away|does hearth work offline|how do i configure hearth|what is a gguf file|can hearth use my gpu
are you chatgpt|are you gpt|are you a large language model|what version of hearth is this|how do i stop hearth|how do i update hearth|help me with hearth
what llm is this|which llm are you|hearth help|hearth commands|how do i list my models in hearth|how do i connect hearth to ollama|does hearth support openai""".replace("\n", "|").split("|")


def beyond(draw: random.Random):
    text = draw.choice(BEYOND)
    for word, pool in (("{thing2}", THINGS), ("{thing}", THINGS), ("{person}", PEOPLE), ("{object}", OBJECTS), ("{team}", TEAMS), ("{company}", COMPANIES),
                       ("{place2}", slots.PLACES), ("{place}", slots.PLACES), ("{form}", FORMS), ("{invented}", ["invented", "came up with", "discovered"])):
        text = text.replace(word, draw.choice(pool))
    return text


def long_text(parts, draw: random.Random):
    """Longer than any command: pasted letters, logs, articles are beyond the model, whatever words they have."""
    return ". ".join(draw.choice(parts) for _ in range(draw.randint(5, 14)))
