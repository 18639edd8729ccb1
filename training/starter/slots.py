# SPDX-License-Identifier: Apache-2.0
"""Slots by rule: which words of a query are its time, its place, its amount. CLINC150 has no slots, so the rules annotate
the training queries; the model learns to copy what they find. Values are the query's own words, in lower case."""
import random
import re

NUMBERS = ("one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty ninety "
           "hundred thousand").split()
NUMBER = rf"(?:\d[\d,]*(?:\.\d+)?|(?:(?:{'|'.join(NUMBERS)})(?:[ -](?:{'|'.join(NUMBERS)}))*))"
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
MONTHS = "january february march april may june july august september october november december".split()
ORDINAL = (r"(?:\d{1,2}(?:st|nd|rd|th)?|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|"
           r"fifteenth|twentieth)")
PLACES = """new york,los angeles,san francisco,chicago,boston,seattle,miami,orlando,las vegas,dallas,houston,austin,denver,atlanta,
portland,phoenix,san diego,philadelphia,detroit,nashville,memphis,new orleans,salt lake city,san antonio,washington,cleveland,
minneapolis,tampa,london,paris,berlin,rome,madrid,barcelona,tokyo,beijing,shanghai,hong kong,singapore,sydney,melbourne,toronto,
vancouver,montreal,mexico city,dublin,amsterdam,brussels,vienna,zurich,geneva,munich,hamburg,oslo,stockholm,copenhagen,helsinki,
moscow,istanbul,athens,lisbon,prague,warsaw,budapest,cairo,nairobi,lagos,dubai,mumbai,delhi,bangkok,seoul,manila,jakarta,lima,
bogota,buenos aires,santiago,rio de janeiro,quito,havana,honolulu,hawaii,alaska,texas,florida,california,ohio,france,germany,italy,
spain,portugal,england,ireland,scotland,uk,norway,sweden,denmark,finland,russia,ukraine,poland,greece,turkey,egypt,kenya,nigeria,
ethiopia,morocco,south africa,israel,india,china,japan,korea,south korea,thailand,vietnam,indonesia,philippines,australia,
new zealand,canada,mexico,cuba,brazil,argentina,chile,peru,colombia,venezuela,iceland,switzerland,austria,belgium,netherlands,
lax,jfk,europe,asia,africa""".replace("\n", "").split(",")
LANGUAGES = ("english spanish french german italian portuguese dutch russian chinese mandarin japanese korean arabic hindi turkish "
             "polish swedish norwegian danish finnish greek hebrew latin thai vietnamese").split()
CURRENCIES = "dollars dollar euros euro pounds pesos yen rubles yuan rupees francs won usd eur gbp krona".split()
ACCOUNTS = ("checking|savings|money market|retirement|joint|business|credit union|chase|bank of america|wells fargo|citibank|"
            "capital one|us bank|usaa|pnc|navy federal")
CARDS = "visa|mastercard|master card|amex|american express|discover|capital one|chase freedom"
BILLS = "electric|electricity|water|gas|cable|phone|internet|power|rent|mortgage|cell phone|heating|insurance|utility|credit card|car"
FOODS = """pizza,lasagna,chicken,chicken soup,rice,pasta,spaghetti,beef,steak,salmon,tuna,turkey,ham,bacon,eggs,egg,cheese,milk,butter,
bread,potatoes,potato,banana,apple,apples,oranges,salad,soup,chili,tacos,burrito,hamburger,cheeseburger,fries,pie,apple pie,cake,
chocolate cake,cookies,brownies,pancakes,waffles,oatmeal,cereal,yogurt,ice cream,avocado,carrots,broccoli,spinach,beans,lentils,
tofu,shrimp,lobster,crab,sushi,ramen,noodles,meatloaf,meatballs,pork chops,gumbo,curry,guacamole,hummus,peanut butter,honey,sugar,
flour,olive oil,garlic,onions,tomatoes,mushrooms,corn,popcorn,chips,chocolate,coffee,tea,orange juice,beer,wine""".replace("\n", "").split(",")
DEVICES = ("lights|light|lamp|tv|television|thermostat|heat|heater|heating|ac|air conditioning|air conditioner|fan|oven|stove|"
           "dishwasher|washer|dryer|door|garage door|front door|blinds|alarm system|vacuum|coffee maker|temperature|radio")
ROOMS = "kitchen|bedroom|living room|bathroom|garage|basement|backyard|hallway|dining room|office|porch|den|front yard"
NAMES = """mom,dad,john,mary,bob,alice,tom,jim,eric,david,susan,lisa,mike,sarah,anna,peter,paul,karen,steve,laura,james,emily,kevin,
julia,mark,nancy,brian,carla,dan,dave,joe,jane,kate,sam,max,ben,leo,nina,omar,ali,chen,maria,jose,pedro,ivan,olga,my wife,my husband,
my boss,my sister,my brother,grandma""".replace("\n", "").split(",")
WORDS = """rhythm,necessary,accommodate,altruism,zesty,ephemeral,syzygy,conscience,bureaucracy,entrepreneur,quixotic,ubiquitous,serene,
oblivious,candid,gregarious,lament,pragmatic,resilient,tenacious,verbose,whimsical,zealous,calendar,restaurant,government""".replace("\n", "").split(",")
SYLLABLES = "ba be bo ca ce cho da den do fa fin ga gre ha hi ja ka ko la len li lo ma mer mi na ni no pa per po ra ri ro sa sen so ta ten ti va ver za".split()
UNITS = ("feet|foot|miles|mile|inches|inch|yards|meters|kilometers|centimeters|cups|cup|tablespoons|teaspoons|ounces|pounds|kilos|"
         "kilograms|grams|liters|gallons|quarts|pints|celsius|fahrenheit")


def longest_first(words):
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


HOUR = rf"(?:(?:{'|'.join(NUMBERS[:12])})|\d{{1,2}})"
CLOCK = rf"(?:\d{{1,2}}:\d\d(?: ?[ap]\.?m\.?)?|\d{{1,2}} ?[ap]\.?m\.?|(?:{'|'.join(NUMBERS[:12])})(?: (?:fifteen|thirty|forty five))?(?: ?[ap]m| o'clock)|noon|midnight)"
RULES = {
    "time": [rf"\b({CLOCK})(?!\w)", rf"\b((?:(?:a )?quarter|half|five|ten|twenty) (?:past|to|after) {HOUR})\b",
             rf"\b(?:at|by) ({HOUR}(?: fifteen| thirty| forty five)?)(?![:\d/%]|,\d| (?:people|persons|guests|dollars|bucks|percent|minutes|hours|days|weeks|months|years|of|a)\b)\b",
             rf"\bfor ({HOUR}(?: fifteen| thirty)?)(?= (?:tomorrow|today|tonight|on|in the|every)|$)"],
    "date": [rf"\b((?:{'|'.join(MONTHS)}) (?:the )?{ORDINAL}|(?:the )?{ORDINAL} of (?:{'|'.join(MONTHS)})|\d{{1,2}}/\d{{1,2}}(?:/\d{{2,4}})?)(?!\w)",
             rf"\b((?:next |this |last |on )?(?:{'|'.join(DAYS)})|today|tonight|tomorrow(?: morning| afternoon| evening| night)?|yesterday|(?:next|this|last) (?:week|weekend|month|year|summer|winter|fall|spring|night))\b",
             rf"\b(?:in|for|last|on|by) ({'|'.join(MONTHS)})\b"],
    "duration": [rf"\b({NUMBER} (?:second|minute|hour|day|week|month|year)s?)\b"],
    "amount": [rf"(\$ ?{NUMBER})", rf"\b({NUMBER} (?:{'|'.join(CURRENCIES)}|bucks))\b"],
    "place": [rf"\b({longest_first(PLACES)})\b"],
    "origin": [rf"\bfrom ({longest_first(PLACES)})\b"],
    "destination": [rf"\b(?:to|into) ({longest_first(PLACES)})\b"],
    "account": [rf"\b({ACCOUNTS})(?= (?:account|bank|checking|savings)|\b)"],
    "card": [rf"\b({CARDS})\b"],
    "bill": [rf"\b({BILLS})(?= (?:bill|payment))"],
    "food": [rf"\b({longest_first(FOODS)})\b"],
    "language": [rf"\b({'|'.join(LANGUAGES)})\b"],
    "currency": [rf"\b({'|'.join(CURRENCIES)})\b"],
    "device": [rf"\b({DEVICES})\b"],
    "room": [rf"\b({ROOMS})\b"],
    "state": [r"\b(?:turn|switch)(?: \w+){0,4} (on|off)\b", r"\b(?:turn|switch) (on|off)\b", r"\b(up|down)\b"],
    "unit": [rf"\b({UNITS})\b"],
    "person": [r"\b(?:call|dial|phone|ring|text|message) ((?!me\b|my\b|a\b|the\b|an\b|to\b)\w+)\b", r"\b(?:with|to|let) (mom|dad|my \w+|" + "|".join(NAMES) + r")\b"],
    "name": [r"\b(?:call (?:me|you)|name (?:is|to|be|to be)|address me as|known as|refer to (?:me|you) as) (?:as )?(\w+)$"],
    "word": [r"\bdefine (?:the word |the term )?([\w-]+)$", r"\b(?:spell|spelling of|definition of|definition for|meaning of|mean by) (?:the word |the term )?([\w-]+)$",
             r"\bdoes (?:the word )?([\w-]+) mean$", r"\bhow is ([\w-]+) spelled$"],
    "people": [rf"\b(?:for|party of|table of) ({NUMBER})(?= (?:people|persons|guests|at)\b)", rf"\b({NUMBER}) people\b"],
    "expression": [r"(\d[\d.]*(?: ?(?:\+|-|\*|/|x|plus|minus|times|divided by|over) ?\d[\d.]*)+)"],
    "item": [r"\b(?:add|put|get|buy|order|remove|delete|take) (?:me |some |more |a |an |the )*([\w ]{2,24}?) (?:to|on|onto|from|off|in) (?:my|the|our)\b"],
}
COMMON = ("date", "time", "duration", "amount", "place")
MORE = {  # beside COMMON; an intent that is not here has COMMON alone
    **{i: ("account", "card", "bill") for i in ("transfer transactions balance freeze_account pay_bill bill_balance bill_due "
        "interest_rate routing min_payment order_checks pin_change account_blocked spending_history direct_deposit").split()},
    **{i: ("card", "account") for i in ("report_fraud report_lost_card credit_limit rewards_balance new_card application_status card_declined "
        "international_fees apr redeem_rewards credit_limit_change damaged_card replacement_card_duration expiration_date").split()},
    **{i: ("food",) for i in "recipe calories nutrition_info restaurant_suggestion ingredients_list ingredient_substitution cook_time food_last meal_suggestion".split()},
    **{i: ("people",) for i in "restaurant_reservation confirm_reservation cancel_reservation book_hotel".split()},
    **{i: ("item",) for i in "shopping_list_update todo_list_update order".split()},
    **{i: ("origin", "destination") for i in "book_flight flight_status distance directions uber carry_on".split()},
    "smart_home": ("device", "room", "state"), "translate": ("language",), "change_language": ("language",), "change_volume": ("state",),
    "exchange_rate": ("currency",), "measurement_conversion": ("unit",), "make_call": ("person",), "text": ("person",),
    "share_location": ("person",), "schedule_meeting": ("person",), "meeting_schedule": ("person",), "spelling": ("word",),
    "definition": ("word",), "calculator": ("expression",), "change_user_name": ("name",), "change_ai_name": ("name",),
}
COMPILED = {name: [re.compile(rule) for rule in rules] for name, rules in RULES.items()}
NO_SLOTS = {"out_of_scope", "about_hearth", "yes", "no", "maybe", "greeting", "goodbye", "thank_you", "tell_joke", "fun_fact", "repeat", "cancel"}
NAMES_OF_SLOTS = tuple(RULES)


def spans(query, intent):
    """[(start, end, slot)] in the order of the query; a slot once, its first value; none overlaps an earlier rule's."""
    if intent in NO_SLOTS:
        return []
    found = []
    for slot in MORE.get(intent, ()) + COMMON:
        if slot == "amount" and intent == "measurement_conversion":
            continue  # pounds are a weight there
        hits = sorted(m.span(1) for rule in COMPILED[slot] for m in rule.finditer(query))
        free = [s for s in hits if not any(s[0] < end and start < s[1] for start, end, _ in found)]
        if free:
            found.append((*max((s for s in free if s[0] == free[0][0]), key=lambda s: s[1]), slot))
    return sorted(found)


def slots(query, intent):
    return [(slot, query[start:end]) for start, end, slot in spans(query, intent)]


def another(slot, value, draw: random.Random):
    """A value of the same kind to put in its place, so that values are copied and not learned by heart."""
    if slot == "time" and not re.search("[ap]m", value):
        return draw.choice([draw.choice(NUMBERS[:12]), draw.choice(NUMBERS[:12]), f"half past {draw.choice(NUMBERS[:12])}", f"quarter {draw.choice(['past', 'to'])} {draw.choice(NUMBERS[:12])}", str(draw.randint(1, 12)), f"{draw.choice(NUMBERS[:12])} thirty", "noon"]) if value not in ("noon", "midnight") else value
    if slot == "time":
        return draw.choice([f"{draw.randint(1, 12)} {draw.choice('ap')}m", f"{draw.randint(1, 12)}:{draw.choice(['00', '15', '30', '45', '20'])} {draw.choice('ap')}m",
                            f"{draw.choice(NUMBERS[:12])} {draw.choice('ap')}m", f"{draw.randint(1, 12)}{draw.choice('ap')}m"])
    if slot == "date":
        day = draw.choice([f"{draw.choice(MONTHS)} {draw.randint(1, 28)}{draw.choice(['', 'th'])}", draw.choice(DAYS), "tomorrow", "today", f"next {draw.choice(DAYS)}"])
        return day if value not in MONTHS else draw.choice(MONTHS)
    if slot == "duration":
        return f"{draw.choice(NUMBERS[1:14] + [str(draw.randint(2, 90))])} {value.split()[-1]}"
    if slot == "amount":
        number = draw.choice([draw.randint(2, 99), draw.randint(1, 90) * 10, draw.randint(1, 99) * 100, draw.randint(100, 9999)])
        return f"${number}" if value.startswith("$") else f"{number} {value.split()[-1]}"
    if slot == "expression":
        return draw.choice([" plus ", " minus ", " times ", "+", "-", "*", " divided by "]).join(str(draw.randint(1, 999)) for _ in range(draw.randint(2, 3)))
    if slot in ("word", "name") and draw.random() < 0.5:
        return "".join(draw.choice(SYLLABLES) for _ in range(draw.randint(2, 4)))
    pools = {"place": PLACES, "origin": PLACES, "destination": PLACES, "food": FOODS, "language": LANGUAGES, "word": WORDS, "name": NAMES[2:46],
             "person": NAMES if value in NAMES else NAMES[:46], "item": FOODS, "people": NUMBERS[:10]}
    return draw.choice(pools[slot]) if slot in pools else value


def pseudo_words(draw, most):
    return " ".join("".join(draw.choice(SYLLABLES) for _ in range(draw.randint(2, 3))) for _ in range(draw.randint(1, most)))


def digits(draw, most):
    return str(draw.randint(1, 9)) + "".join(str(draw.randint(0, 9)) for _ in range(draw.randint(0, most - 1)))


UNHEARD = {  # values that no list has, of slots that can be anything
    **dict.fromkeys(("place", "origin", "destination", "food", "item"), lambda value, draw: pseudo_words(draw, 2)),
    **dict.fromkeys(("person", "name", "word", "account"), lambda value, draw: pseudo_words(draw, 1)),
    "amount": lambda value, draw: f"${digits(draw, 5)}" if value.startswith("$") else f"{digits(draw, 5)} {value.split()[-1]}",
    "duration": lambda value, draw: f"{digits(draw, 3)} {value.split()[-1]}",
    "people": lambda value, draw: digits(draw, 2),
    "expression": lambda value, draw: draw.choice([" plus ", " minus ", " times ", "+", "-", "*", " divided by "]).join(digits(draw, 5) for _ in range(draw.randint(2, 3))),
}


def unheard(query, intent, draw: random.Random):
    """The query with values that nobody has heard of, and its slots: what stands there is to be copied, not recalled."""
    found = []
    for start, end, slot in reversed(spans(query, intent)):
        value = query[start:end]
        if slot in UNHEARD and draw.random() < 0.7:
            value = UNHEARD[slot](value, draw)
            query = query[:start] + value + query[end:]
        found.insert(0, (slot, value))
    return query, found


# Commands whose slots are all made up, so that there are enough of them to learn copying from.
TEMPLATES = [line.split(": ", 1) for line in """
alarm: wake me at {time} {date}|alarm: set an alarm for {time}|alarm: wake me up at {time} on {date}|alarm: alarm for {date} at {time}|alarm: i need to get up at {time} {date}
timer: set a timer for {duration}|timer: count down {duration}|timer: give me a {duration} timer|timer: tell me when {duration} are over
reminder_update: remind me {date} at {time} to call the bank|reminder_update: set a reminder for {date}|reminder_update: remind me at {time} to take my pills
transfer: transfer {amount} from {account} to my other account|transfer: move {amount} from {account} to savings|transfer: send {amount} to my {account} account
weather: what is the weather in {place} {date}|weather: will it rain in {place} on {date}|weather: how warm is it in {place}|weather: forecast for {place} {date}
book_flight: book a flight from {origin} to {destination} on {date}|book_flight: i want to fly to {destination} from {origin} {date}|book_flight: find flights to {destination} on {date}
book_hotel: find me a hotel in {place} for {date}|book_hotel: book a room in {place} for {people} people|car_rental: rent a car in {place} on {date}
restaurant_reservation: book a table for {people} at {time} {date}|restaurant_reservation: reserve a table at {time} for {people} people
calculator: what is {expression}|calculator: calculate {expression}|calculator: {expression}|calculator: how much is {expression}
definition: define {word}|definition: what does {word} mean|definition: what is the definition of {word}
spelling: how do you spell {word}|spelling: spell {word}|spelling: what is the spelling of {word}
translate: how do i say good morning in {language}|translate: translate this into {language}|change_language: speak {language} from now on
make_call: call {person}|make_call: please call {person} for me|text: text {person} that i am late|share_location: share my location with {person}
change_user_name: call me {name}|change_user_name: my name is {name}|change_ai_name: i will call you {name}
calories: how many calories are in {food}|recipe: how do i make {food}|cook_time: how long do i cook {food}|nutrition_info: is {food} healthy|food_last: how long does {food} last
shopping_list_update: add {item} to my shopping list|shopping_list_update: put {item} on my shopping list|todo_list_update: add {item} to my to do list
distance: how far is it from {origin} to {destination}|time: what time is it in {place}|timezone: what time zone is {place} in|vaccines: do i need shots for {place}
exchange_rate: how much is {amount} in yen|travel_notification: tell my bank i travel to {place} on {date}|international_visa: do i need a visa for {place}
schedule_meeting: schedule a meeting with {person} on {date} at {time}|pto_request: i want to take {date} off|uber: get me an uber to {destination} at {time}
calendar_update: put dinner with {person} on my calendar for {date}|calendar: what is on my calendar for {date}|spending_history: how much did i spend {date}
""".strip().replace("\n", "|").split("|")]
SAMPLES = {"time": "6 pm", "date": "tomorrow", "duration": "5 minutes", "amount": "$5", "people": "four", "expression": "1+1"}
UNITS_OF_TIME = ("minutes", "hours", "days", "seconds", "weeks")


def from_template(draw: random.Random):
    """(query, intent)"""
    intent, text = draw.choice(TEMPLATES)
    for slot in re.findall(r"{(\w+)}", text):
        sample = SAMPLES.get(slot, "")
        if slot == "time" and draw.random() < 0.5:
            sample = "six"
        if slot == "duration":
            sample = "5 " + draw.choice(UNITS_OF_TIME)
        if slot == "amount" and draw.random() < 0.5:
            sample = "5 dollars"
        value = draw.choice(ACCOUNTS.split("|")) if slot == "account" else another(slot, sample, draw)
        text = text.replace("{" + slot + "}", value, 1)
    return text, intent
